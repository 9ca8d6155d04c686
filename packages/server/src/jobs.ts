export type { Carrying, JobCarrier, JobPayload } from "./jobs/carrier.ts";
export { injectJob, injectJobs, type PublishOptions, publishJobs } from "./jobs/inject-job.ts";
export type { JobRelation } from "./jobs/relation.ts";
export { type JobOptions, withJob } from "./jobs/with-job.ts";
