export { type BullJob, type BullQueue, tracedProcessor, traceQueue } from "./jobs/bullmq-jobs.ts";
