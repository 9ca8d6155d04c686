import { test } from "@playwright/test";
import { casesOf } from "./server-matrix/cases/index.ts";
import { COMBINATIONS } from "./server-matrix/combinations.ts";
import { type Downstream, startDownstream } from "./server-matrix/downstream.ts";
import { runCases } from "./server-matrix/run-cases.ts";
import { withBuild } from "./server-matrix/server-app.ts";

let downstream: Downstream;

test.beforeAll(async () => {
  downstream = await startDownstream();
});
test.afterAll(() => downstream.stop());

for (const combination of COMBINATIONS) {
  // Until the SERVER span of every entry is whole.
  test.fixme(`${combination.name}: every request is one whole trace`, async () => {
    test.setTimeout(300_000);
    await withBuild(combination, async (built) => {
      const env = { DOWNSTREAM_URL: downstream.url };
      await built.serve({ service: `server-app-${combination.name}`, env }, (app) =>
        runCases(casesOf(combination), app, combination),
      );
    });
  });
}
