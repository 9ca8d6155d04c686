import { expect, test } from "vitest";
import { readWebOptions } from "./options.ts";

const PAGE = "http://shop.test:3000/cart?x=1";

test("nothing has to be said", () => {
  expect(readWebOptions({}, PAGE)).toEqual({
    instruments: [],
    serviceName: "web",
    endpoint: "http://shop.test:3000/api/tl/v1/traces",
    propagateTo: [],
    propagation: "same-origin",
    consent: "granted",
    ignoreUrls: [],
    sampleRatio: 1,
    resourceAttributes: {},
  });
});

test("an endpoint may be a whole URL", () => {
  const { endpoint } = readWebOptions({ endpoint: "https://collector.test/v1/traces" }, PAGE);
  expect(endpoint).toBe("https://collector.test/v1/traces");
});

test.each<[Record<string, unknown>, string]>([
  [{ serviceName: "" }, 'serviceName="": expected a name'],
  [{ endpoint: "ftp://x/y" }, 'endpoint="ftp://x/y": expected a path or a URL'],
  [{ endpoint: "http://[" }, "expected a path or a URL"],
  [{ propagateTo: ["https://api.example.com/v1"] }, 'expected a list: ["https://api.test"]'],
  [{ propagateTo: ["https://*.example.com"] }, "expected a list"],
  [{ propagateTo: "https://api.example.com" }, '"https://api.example.com": expected a list'],
  [{ propagation: "all" }, 'propagation="all": expected "same-origin" or "off"'],
  [{ consent: "yes" }, 'consent="yes": expected "granted" or "pending" or "denied" or "gpc"'],
  [{ ignoreUrls: [/x/] }, 'ignoreUrls=[{}]: expected a list: ["/healthz"]'],
  // It would be the beginning of no address.
  [{ ignoreUrls: ["stats.example.com"] }, 'ignoreUrls=["stats.example.com"]: expected a list'],
  [{ instruments: ["errors"] }, 'instruments=["errors"]: expected a list: [traceXhr()]'],
  [{ sampleRatio: "1" }, 'sampleRatio="1": expected a number from 0'],
  [{ sampleRatio: Number.NaN }, "expected a number from 0"],
  [{ resourceAttributes: { a: 1 } }, "expected texts"],
])("%o is refused with its name, its value and the cure", (options, message) => {
  expect(() => readWebOptions(options, PAGE)).toThrow(message);
});

test("all problems are told together", () => {
  expect(() => readWebOptions({ serviceName: "", sampleRatio: 7 }, PAGE)).toThrow(
    /serviceName.*; sampleRatio=7/,
  );
});
