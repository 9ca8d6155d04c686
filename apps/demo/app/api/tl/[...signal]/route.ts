export { POST } from "@throughline/server/ingest";
