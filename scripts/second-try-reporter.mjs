// Writes down which tests passed only on a second try, one name a line; for Vitest and for Playwright.
import { appendFileSync } from "node:fs";

export default class SecondTryReporter {
  /** Vitest: after each test. */
  onTestCaseResult(test) {
    if (test.diagnostic()?.flaky) note(`${test.module.relativeModuleId} › ${test.fullName}`);
  }

  /** Playwright: before the first test. */
  onBegin(_config, suite) {
    this.suite = suite;
  }

  /** Playwright: after the last test. */
  onEnd() {
    for (const test of this.suite?.allTests() ?? []) {
      if (test.outcome() === "flaky") note(test.titlePath().filter(Boolean).join(" › "));
    }
  }
}

function note(name) {
  const file = process.env.THROUGHLINE_SECOND_TRY_FILE;
  if (file) appendFileSync(file, `${name}\n`);
}
