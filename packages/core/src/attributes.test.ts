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
  ["SERVICE_INSTANCE_ID", incubating.ATTR_SERVICE_INSTANCE_ID],
  ["PROCESS_PID", incubating.ATTR_PROCESS_PID],
  ["PROCESS_EXECUTABLE_NAME", incubating.ATTR_PROCESS_EXECUTABLE_NAME],
  ["PROCESS_RUNTIME_NAME", incubating.ATTR_PROCESS_RUNTIME_NAME],
  ["PROCESS_RUNTIME_VERSION", incubating.ATTR_PROCESS_RUNTIME_VERSION],
  ["HOST_NAME", incubating.ATTR_HOST_NAME],
  ["HOST_ID", incubating.ATTR_HOST_ID],
  ["HOST_ARCH", incubating.ATTR_HOST_ARCH],
  ["OS_TYPE", incubating.ATTR_OS_TYPE],
  ["OS_VERSION", incubating.ATTR_OS_VERSION],
  ["CONTAINER_ID", incubating.ATTR_CONTAINER_ID],
  ["CLOUD_PROVIDER", incubating.ATTR_CLOUD_PROVIDER],
  ["CLOUD_REGION", incubating.ATTR_CLOUD_REGION],
  ["DEPLOYMENT_ENVIRONMENT_NAME", incubating.ATTR_DEPLOYMENT_ENVIRONMENT_NAME],
  ["DEPLOYMENT_ID", incubating.ATTR_DEPLOYMENT_ID],
  ["VCS_PROVIDER_NAME", incubating.ATTR_VCS_PROVIDER_NAME],
  ["VCS_OWNER_NAME", incubating.ATTR_VCS_OWNER_NAME],
  ["VCS_REPOSITORY_NAME", incubating.ATTR_VCS_REPOSITORY_NAME],
  ["VCS_REF_HEAD_NAME", incubating.ATTR_VCS_REF_HEAD_NAME],
  ["VCS_REF_HEAD_REVISION", incubating.ATTR_VCS_REF_HEAD_REVISION],
  ["VCS_CHANGE_ID", incubating.ATTR_VCS_CHANGE_ID],
  ["K8S_CLUSTER_NAME", incubating.ATTR_K8S_CLUSTER_NAME],
  ["K8S_NAMESPACE_NAME", incubating.ATTR_K8S_NAMESPACE_NAME],
  ["K8S_NODE_NAME", incubating.ATTR_K8S_NODE_NAME],
  ["K8S_POD_NAME", incubating.ATTR_K8S_POD_NAME],
  ["K8S_POD_UID", incubating.ATTR_K8S_POD_UID],
  ["K8S_CONTAINER_NAME", incubating.ATTR_K8S_CONTAINER_NAME],
  ["K8S_DEPLOYMENT_NAME", incubating.ATTR_K8S_DEPLOYMENT_NAME],
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
