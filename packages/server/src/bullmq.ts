export {
  type BullFlowProducer,
  type BullJob,
  type BullQueue,
  tracedProcessor,
  traceFlowProducer,
  traceQueue,
} from "./jobs/bullmq-jobs.ts";
