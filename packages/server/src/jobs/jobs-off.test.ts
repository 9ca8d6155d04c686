import { expect, test } from "vitest";
import { injectJob, injectJobs } from "./inject-job.ts";
import { withJob } from "./with-job.ts";

test("where nothing is traced a payload is sent as it is", () => {
  const payload = { to: "ada" };
  expect(injectJob(payload)).toBe(payload);
  expect(injectJobs([payload])[0]).toBe(payload);
});

test("where only the sender is traced a job sees its own payload", () => {
  const sent = { to: "ada", __throughline: { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` } };
  expect(withJob(sent, (own) => own)).toEqual({ to: "ada" });
});
