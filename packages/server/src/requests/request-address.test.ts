import { expect, test } from "vitest";
import { clientAddressOf, serverAddressOf } from "./request-address.ts";

test.each([
  [{ "x-forwarded-for": "203.0.113.9, 10.0.0.1" }, "203.0.113.9"],
  [{ "x-forwarded-for": "203.0.113.9:4711" }, "203.0.113.9"],
  [{ "x-forwarded-for": "2001:db8::7" }, "2001:db8::7"],
  [{ forwarded: 'for="[2001:db8::7]:4711";proto=https, for=10.0.0.1' }, "2001:db8::7"],
  // What is no address is not the client's; the caller takes the connection's then.
  [{ forwarded: "for=unknown;proto=https" }, undefined],
  [{ forwarded: "for=_gazonk" }, undefined],
  [{ forwarded: "for=unknown;proto=https", "x-forwarded-for": "203.0.113.9" }, "203.0.113.9"],
  [{ "x-forwarded-for": "<script>alert(1)</script>" }, undefined],
  [{ "x-forwarded-for": "ann@shop.test" }, undefined],
  [{}, undefined],
])("of %o the client's address is %s", (headers, address) => {
  expect(clientAddressOf(headers)).toBe(address);
});

test.each([
  ["shop.test", "shop.test", 443],
  ["shop.test:8443", "shop.test", 8443],
  ["[2001:db8::7]:8443", "2001:db8::7", 8443],
  ["2001:db8::7", "2001:db8::7", 443],
  ["shop.test:99999999999999999999999", "shop.test", undefined],
])("%s is the host %s with port %s", (host, address, port) => {
  expect(serverAddressOf({ host: "10.0.0.7:3000", "x-forwarded-host": host }, "https")).toEqual({
    address,
    port,
  });
});
