// The names the viewer treats specially. It runs in the browser without core; a test compares these with core's.
export const DB_QUERY_TEXT = "db.query.text";
export const OLD_DB_STATEMENT = "db.statement";
export const DB_SYSTEM_NAME = "db.system.name";
export const OLD_DB_SYSTEM = "db.system";
export const EXCEPTION_EVENT = "exception";
export const EXCEPTION_TYPE = "exception.type";
export const EXCEPTION_MESSAGE = "exception.message";
export const EXCEPTION_STACKTRACE = "exception.stacktrace";
export const NEXT_SPAN_TYPE = "next.span_type";
export const MESSAGING_DESTINATION_NAME = "messaging.destination.name";
export const MESSAGING_BATCH_MESSAGE_COUNT = "messaging.batch.message_count";
export const JOB_NAME = "throughline.job.name";
