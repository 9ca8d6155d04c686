import * as semconv from "@opentelemetry/semantic-conventions";
import * as incubating from "@opentelemetry/semantic-conventions/incubating";
import { expect, test } from "vitest";
import * as names from "./attributes.ts";

test.each([
  ["SERVICE_NAME", semconv.ATTR_SERVICE_NAME],
  ["SERVICE_VERSION", semconv.ATTR_SERVICE_VERSION],
  ["HTTP_REQUEST_METHOD", semconv.ATTR_HTTP_REQUEST_METHOD],
  ["HTTP_REQUEST_METHOD_ORIGINAL", semconv.ATTR_HTTP_REQUEST_METHOD_ORIGINAL],
  ["HTTP_RESPONSE_STATUS_CODE", semconv.ATTR_HTTP_RESPONSE_STATUS_CODE],
  ["HTTP_ROUTE", semconv.ATTR_HTTP_ROUTE],
  ["URL_FULL", semconv.ATTR_URL_FULL],
  ["URL_PATH", semconv.ATTR_URL_PATH],
  ["URL_QUERY", semconv.ATTR_URL_QUERY],
  ["URL_SCHEME", semconv.ATTR_URL_SCHEME],
  ["SERVER_ADDRESS", semconv.ATTR_SERVER_ADDRESS],
  ["SERVER_PORT", semconv.ATTR_SERVER_PORT],
  ["CLIENT_ADDRESS", semconv.ATTR_CLIENT_ADDRESS],
  ["NETWORK_PEER_ADDRESS", semconv.ATTR_NETWORK_PEER_ADDRESS],
  ["NETWORK_PEER_PORT", semconv.ATTR_NETWORK_PEER_PORT],
  ["NETWORK_PROTOCOL_VERSION", semconv.ATTR_NETWORK_PROTOCOL_VERSION],
  ["USER_AGENT_ORIGINAL", semconv.ATTR_USER_AGENT_ORIGINAL],
  ["ERROR_TYPE", semconv.ATTR_ERROR_TYPE],
  ["EXCEPTION_TYPE", semconv.ATTR_EXCEPTION_TYPE],
  ["EXCEPTION_MESSAGE", semconv.ATTR_EXCEPTION_MESSAGE],
  ["EXCEPTION_STACKTRACE", semconv.ATTR_EXCEPTION_STACKTRACE],
  ["DB_SYSTEM_NAME", semconv.ATTR_DB_SYSTEM_NAME],
  ["DB_OPERATION_NAME", semconv.ATTR_DB_OPERATION_NAME],
  ["DB_COLLECTION_NAME", semconv.ATTR_DB_COLLECTION_NAME],
  ["DB_NAMESPACE", semconv.ATTR_DB_NAMESPACE],
  ["DB_QUERY_TEXT", semconv.ATTR_DB_QUERY_TEXT],
  ["DB_QUERY_SUMMARY", semconv.ATTR_DB_QUERY_SUMMARY],
  ["CODE_FUNCTION_NAME", semconv.ATTR_CODE_FUNCTION_NAME],
  ["CODE_FILE_PATH", semconv.ATTR_CODE_FILE_PATH],
  ["SESSION_ID", incubating.ATTR_SESSION_ID],
  ["SESSION_PREVIOUS_ID", incubating.ATTR_SESSION_PREVIOUS_ID],
  ["PAGE_URL", incubating.ATTR_BROWSER_DOCUMENT_URL_FULL],
  ["USER_ID", incubating.ATTR_USER_ID],
] as const)("%s is the name of the semantic conventions", (ours, theirs) => {
  expect(names[ours]).toBe(theirs);
});

test("a request without a route is named by its method alone", () => {
  expect(names.requestSpanName("GET", undefined)).toBe("GET");
  expect(names.requestSpanName("GET", "/orders/[id]")).toBe("GET /orders/[id]");
});

test("an interaction without a label is named by its type alone", () => {
  expect(names.interactionSpanName("click", "Buy")).toBe("click Buy");
  expect(names.interactionSpanName("click", "")).toBe("click");
});
