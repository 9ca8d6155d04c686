import { describe, expect, test } from "vitest";
import {
  knownWords,
  parseBaseUrl,
  parseBoolean,
  parseHeaders,
  parseInteger,
  parseKeyValues,
  parseList,
  parseOneOf,
  parseRatio,
  parseUrl,
  parseWords,
  readSettings,
  SettingsError,
  type SettingsTable,
} from "./settings.ts";

interface Sample {
  readonly ratio: number;
  readonly endpoint: string;
}

const table: SettingsTable<Sample> = {
  ratio: { env: ["NEW_RATIO", "OLD_RATIO"], parse: parseRatio, fallback: 1 },
  endpoint: { env: ["ENDPOINT"], parse: parseUrl, fallback: "http://localhost:4318" },
};

test("an option wins over the environment, the environment over the fallback", () => {
  const env = { NEW_RATIO: "0.5", ENDPOINT: "http://a.test" };
  expect(readSettings(table, { ratio: 0.25 }, env)).toEqual({ ratio: 0.25, endpoint: "http://a.test" });
  expect(readSettings(table, {}, env).ratio).toBe(0.5);
  expect(readSettings(table, {}, {}).ratio).toBe(1);
});

test("the first variable that is set wins; an empty one counts as unset", () => {
  expect(readSettings(table, {}, { NEW_RATIO: "0.1", OLD_RATIO: "0.9" }).ratio).toBe(0.1);
  expect(readSettings(table, {}, { NEW_RATIO: " ", OLD_RATIO: "0.9" }).ratio).toBe(0.9);
});

test("every bad value is reported at once, each with variable, text and cure", () => {
  try {
    readSettings(table, {}, { NEW_RATIO: "2", ENDPOINT: "localhost" });
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    expect((error as SettingsError).problems).toEqual([
      'NEW_RATIO="2": expected a number from 0 (keep no trace) to 1 (keep every trace)',
      'ENDPOINT="localhost": expected an absolute URL such as "http://localhost:4318"',
    ]);
  }
});

interface Tuned {
  readonly size: number;
  readonly parts: readonly string[];
  readonly endpoint: string;
}

const tuned: SettingsTable<Tuned> = {
  size: { env: ["OWN_SIZE", "SIZE"], parse: parseInteger(1, 9), fallback: 5, whenBad: "unset" },
  parts: {
    env: ["PARTS"],
    parse: parseWords("all", "host", "os"),
    fallback: ["all"],
    whenBad: "unset",
    salvage: knownWords("all", "host", "os"),
  },
  endpoint: table.endpoint,
};

test("a bad value that is forgiven is told and counts as unset: the next variable holds, else the fallback", () => {
  const read = (env: Record<string, string>) => {
    const told: string[] = [];
    const values = readSettings(tuned, {}, env, ({ key, problem, whenBad }) =>
      told.push(`${key} ${whenBad}: ${problem}`),
    );
    return { ...values, told };
  };
  expect(read({ OWN_SIZE: "big", SIZE: "7" })).toMatchObject({
    size: 7,
    told: ['size unset: OWN_SIZE="big": expected a whole number from 1 to 9'],
  });
  expect(read({ SIZE: "10" }).size).toBe(5);
  expect(read({ PARTS: "Host,gpu" })).toMatchObject({
    parts: ["host"],
    told: [expect.stringContaining('got "gpu"')],
  });
  expect(read({ SIZE: "7", PARTS: "os" })).toMatchObject({ size: 7, parts: ["os"], told: [] });
});

test("what is not forgiven is an error beside what is, and everything is where nobody is told", () => {
  const told: string[] = [];
  const env = { SIZE: "big", ENDPOINT: "localhost" };
  const read = () => readSettings(tuned, {}, env, ({ problem }) => told.push(problem));
  expect(messageOf(read)).toMatch(/^SettingsError: throughline: ENDPOINT="localhost": expected [^;]+$/);
  expect(told).toEqual(['SIZE="big": expected a whole number from 1 to 9']);
  expect(messageOf(() => readSettings(tuned, {}, env))).toMatch(/SIZE="big".*; ENDPOINT="localhost"/);
});

test("a message shows no secret", () => {
  const headers = { env: ["HEADERS"], parse: parseHeaders, fallback: {}, isSecret: true };
  const read = (env: Record<string, string>) =>
    readSettings<{ readonly headers: object; readonly endpoint: string }>(
      { headers, endpoint: { ...table.endpoint, parse: parseBaseUrl } },
      {},
      env,
    );
  expect(() => read({ HEADERS: "team=k3y%0A" })).toThrow(/HEADERS: expected one line; the value of team/);
  for (const [text, strange] of [
    ["authorization: Bearer k3y==", ":"],
    ["Bearer k3y==", " "],
    ['"team=k3y"', '\\"'],
  ] as const) {
    const said = messageOf(() => read({ HEADERS: text }));
    expect(said).toContain(`HEADERS: expected "name=value" pairs`);
    expect(said).toContain(`holds "${strange}"`);
    expect(said).not.toContain("k3y");
  }
  const url = "http://ann:pw@c.test:4318?token=k3y";
  expect(() => read({ ENDPOINT: url })).toThrow(
    /ENDPOINT="http:\/\/c.test:4318\?token=REDACTED": expected a URL without/,
  );
  for (const password of ["k3y", "k3y/x", "x/k3y", "k3y#x", "k3y?x", "k@3y"]) {
    const withScheme = messageOf(() => read({ ENDPOINT: `htp://ann:${password}@c:4318` }));
    expect(withScheme).toContain('ENDPOINT="htp://c:4318": expected');
    const without = messageOf(() => read({ ENDPOINT: `ann:${password}@c:4318` }));
    expect(without).toContain('ENDPOINT="c:4318": expected');
  }
  for (const text of [
    "http://ann:k 3y@c:4318?x=1",
    "http:/ann:k3y@c:4318?x",
    "http:ann:k3y@c:4318?x",
    "https:ann:k3y@c#x",
    "http:\\\\ann:k3y@c?x",
  ]) {
    const said = messageOf(() => read({ ENDPOINT: text }));
    expect(said).toContain("ENDPOINT=");
    expect(said).not.toMatch(/ann|3y/);
  }
  expect(messageOf(() => read({ ENDPOINT: "http://c.test?to=a@b" }))).toContain(
    '"http://c.test?to=REDACTED"',
  );
});

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return String(error);
  }
  return "nothing was thrown";
}

describe("parsers", () => {
  test("booleans are strict, so that OTEL_ENABLED=1 is told instead of guessed", () => {
    expect(parseBoolean("TRUE")).toBe(true);
    expect(parseBoolean("false")).toBe(false);
    expect(() => parseBoolean("1")).toThrow("expected true or false");
  });

  test.each(["-0.1", "1.1", "many", "NaN"])("%s is no ratio", (text) => {
    expect(() => parseRatio(text)).toThrow("from 0");
  });

  test("an endpoint loses its trailing slash and must be http or https", () => {
    expect(parseUrl("http://collector:4318/")).toBe("http://collector:4318");
    expect(() => parseUrl("ftp://collector")).toThrow("http://");
    expect(() => parseUrl("collector:4318")).toThrow("http://");
    expect(parseBaseUrl("http://collector:4318/otlp//")).toBe("http://collector:4318/otlp");
  });

  test("header values are percent-decoded and may hold an equals sign", () => {
    expect(parseKeyValues("x-key=a%20b, authorization=Basic a==,")).toEqual({
      "x-key": "a b",
      authorization: "Basic a==",
    });
    expect(() => parseKeyValues("nonsense")).toThrow("key=value");
    expect(() => parseKeyValues("a=%zz")).toThrow("%25");
  });

  test("integers stay in their range, words on their list, lists lose empty entries", () => {
    expect(parseInteger(0, 65_535)("4318")).toBe(4318);
    expect(() => parseInteger(0, 65_535)("70000")).toThrow("0 to 65535");
    expect(parseOneOf("grpc", "http/json")("grpc")).toBe("grpc");
    expect(() => parseOneOf("grpc", "http/json")("thrift")).toThrow("one of grpc, http/json");
    expect(parseList("a, ,b")).toEqual(["a", "b"]);
  });

  test("a word is taken in any letter case, and an unknown one is told as it was written", () => {
    expect(parseOneOf("grpc", "http/json")("HTTP/json")).toBe("http/json");
    expect(parseWords("tracecontext", "baggage")("TraceContext,BAGGAGE")).toEqual([
      "tracecontext",
      "baggage",
    ]);
    expect(() => parseWords("tracecontext")("TraceContext,B3")).toThrow('got "B3"');
  });
});

test("a secret among words is not shown where the word that is none is named", () => {
  const table: SettingsTable<{ words: readonly string[] }> = {
    words: { env: ["WORDS"], parse: parseWords("host"), fallback: [] },
  };
  const read = () => readSettings(table, {}, { WORDS: "host,token=abc123xyz" });
  expect(read).toThrow(/WORDS="host,token=REDACTED"/);
  expect(read).not.toThrow(/abc123xyz/);
});
