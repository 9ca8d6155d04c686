import { expect, test } from "vitest";
import { parseTraceState } from "./trace-state.ts";

const many = (count: number): string =>
  Array.from({ length: count }, (_, index) => `bar${index}=${index}`).join(",");

test.each([
  ["one member", "foo=1"],
  ["members in their order", "foo=1,bar=2"],
  ["every character a key may have", "abcdefghijklmnopqrstuvwxyz0123456789_-*/=1"],
  ["every character a value may have", `foo=${" !\"#$%&'()*+-./0123456789:;<>?@AZ[\\]^_`az{|}~".trim()}`],
  ["a space within a value", "foo=a b"],
  ["a tenant's key", "0tenant@vendor=1"],
  ["the longest key", `${"z".repeat(256)}=1`],
  ["the longest tenant's key", `${"t".repeat(241)}@${"v".repeat(14)}=1`],
  ["the longest value", `foo=${"x".repeat(256)}`],
  ["32 members", many(32)],
])("%s is handed on as it is", (_, text) => {
  expect(parseTraceState(text)).toBe(text);
});

test.each([
  ["white space around members", "foo=1 \t , \t bar=2", "foo=1,bar=2"],
  ["empty members", ",foo=1,,bar=2,", "foo=1,bar=2"],
  ["a key twice", "foo=1,foo=2", "foo=1,foo=2"],
])("%s is no fault", (_, text, kept) => {
  expect(parseTraceState(text)).toBe(kept);
});

test.each([
  ["nothing", ""],
  ["33 members", many(33)],
  ["no value", "foo"],
  ["an empty value", "foo="],
  ["an empty key", "=1"],
  ["a space before the equals sign", "foo =1"],
  ["capital letters in a key", "FOO=1"],
  ["a dot in a key", "foo.bar=1"],
  ["a key that begins with a digit", "0foo=1"],
  ["a key too long", `${"z".repeat(257)}=1`],
  ["no tenant", "@vendor=1"],
  ["no vendor", "tenant@=1"],
  ["two vendors", "tenant@vendor@other=1"],
  ["a vendor that begins with a digit", "tenant@0vendor=1"],
  ["a tenant too long", `${"t".repeat(242)}@v=1`],
  ["a vendor too long", `t@${"v".repeat(15)}=1`],
  ["two equals signs", "foo=bar=baz"],
  ["a value too long", `foo=${"x".repeat(257)}`],
  ["a control character", "foo=a\u0007"],
  ["a letter that is not ASCII", "foo=ä"],
  ["one bad member among good ones", "foo=1,BAR=2,baz=3"],
])("%s discards the whole", (_, text) => {
  expect(parseTraceState(text)).toBe("");
});

test("beyond 512 characters the long members go first, then the last", () => {
  const long = `long=${"x".repeat(200)}`;
  const short = Array.from({ length: 5 }, (_, index) => `s${index}=${"y".repeat(97)}`);
  expect(parseTraceState([long, ...short].join(","))).toBe(short.join(","));
  const more = Array.from({ length: 7 }, (_, index) => `s${index}=${"y".repeat(97)}`);
  expect(parseTraceState(more.join(","))).toBe(more.slice(0, 5).join(","));
});
