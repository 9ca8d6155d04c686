// Every attribute, span and header name that Throughline writes or reads.
// Stable names follow the OpenTelemetry semantic conventions: https://opentelemetry.io/docs/specs/semconv/

export const SERVICE_NAME = "service.name";
export const SERVICE_VERSION = "service.version";
export const SERVICE_INSTANCE_ID = "service.instance.id";
export const PROCESS_PID = "process.pid";
export const PROCESS_EXECUTABLE_NAME = "process.executable.name";
export const PROCESS_RUNTIME_NAME = "process.runtime.name";
export const PROCESS_RUNTIME_VERSION = "process.runtime.version";
export const HOST_NAME = "host.name";
export const HOST_ID = "host.id";
export const HOST_ARCH = "host.arch";
export const OS_TYPE = "os.type";
export const OS_VERSION = "os.version";
export const CONTAINER_ID = "container.id";
export const CLOUD_PROVIDER = "cloud.provider";
export const CLOUD_REGION = "cloud.region";
export const DEPLOYMENT_ENVIRONMENT_NAME = "deployment.environment.name";
export const DEPLOYMENT_ID = "deployment.id";
export const VCS_PROVIDER_NAME = "vcs.provider.name";
export const VCS_OWNER_NAME = "vcs.owner.name";
export const VCS_REPOSITORY_NAME = "vcs.repository.name";
export const VCS_REF_HEAD_NAME = "vcs.ref.head.name";
export const VCS_REF_HEAD_REVISION = "vcs.ref.head.revision";
export const VCS_CHANGE_ID = "vcs.change.id";
export const K8S_CLUSTER_NAME = "k8s.cluster.name";
export const K8S_NAMESPACE_NAME = "k8s.namespace.name";
export const K8S_NODE_NAME = "k8s.node.name";
export const K8S_POD_NAME = "k8s.pod.name";
export const K8S_POD_UID = "k8s.pod.uid";
export const K8S_CONTAINER_NAME = "k8s.container.name";
export const K8S_DEPLOYMENT_NAME = "k8s.deployment.name";

export const HTTP_REQUEST_METHOD = "http.request.method";
/** The method as it was sent, where {@link HTTP_REQUEST_METHOD} is `_OTHER` or was written in small letters. */
export const HTTP_REQUEST_METHOD_ORIGINAL = "http.request.method_original";
export const HTTP_RESPONSE_STATUS_CODE = "http.response.status_code";
export const HTTP_ROUTE = "http.route";
export const URL_FULL = "url.full";
export const URL_PATH = "url.path";
export const URL_QUERY = "url.query";
export const URL_SCHEME = "url.scheme";
export const SERVER_ADDRESS = "server.address";
export const SERVER_PORT = "server.port";
/** Who asked, as proxies in between tell it. */
export const CLIENT_ADDRESS = "client.address";
/** The other end of the connection. */
export const NETWORK_PEER_ADDRESS = "network.peer.address";
export const NETWORK_PEER_PORT = "network.peer.port";
export const USER_AGENT_ORIGINAL = "user_agent.original";
export const ERROR_TYPE = "error.type";
export const EXCEPTION_EVENT = "exception";
export const EXCEPTION_TYPE = "exception.type";
export const EXCEPTION_MESSAGE = "exception.message";
export const EXCEPTION_STACKTRACE = "exception.stacktrace";

export const DB_SYSTEM_NAME = "db.system.name";
export const DB_OPERATION_NAME = "db.operation.name";
export const DB_COLLECTION_NAME = "db.collection.name";
export const DB_NAMESPACE = "db.namespace";
export const DB_QUERY_TEXT = "db.query.text";
export const DB_QUERY_SUMMARY = "db.query.summary";
export const TEST_CASE_ID = "test.case.id";

/** `1.1`, `2` or `3`. */
export const NETWORK_PROTOCOL_VERSION = "network.protocol.version";
/** Bytes of a response as they came over the wire, its headers among them. */
export const HTTP_RESPONSE_SIZE = "http.response.size";
/** Bytes of a response's body as they came over the wire. */
export const HTTP_RESPONSE_BODY_SIZE = "http.response.body.size";
/**
 * How the page or the view came about: `navigate`, `reload`, `back_forward`, `prerender`, `back-forward-cache` on a page
 * span; `push`, `replace`, `traverse` on a navigation span.
 */
export const NAVIGATION_TYPE = "throughline.navigation.type";
/** The path a navigation left, on a navigation span. */
export const NAVIGATION_FROM = "throughline.navigation.from";
/** `true` on a navigation to a page that the router had fetched ahead, in part or as a whole. */
export const NAVIGATION_PREFETCHED = "throughline.navigation.prefetched";

/** One visit of a browser, in all its tabs: it ends after 15 minutes without a span. */
export const SESSION_ID = "session.id";
/** The session before, on the first span after a change. */
export const SESSION_PREVIOUS_ID = "session.previous_id";
/** One tab, from page to page. */
export const TAB_ID = "throughline.tab.id";
/** One load of a document. */
export const PAGE_ID = "throughline.page.id";
/** The page's address without credentials, query values and fragment. */
export const PAGE_URL = "browser.document.url.full";
/** The page's route without its parameters' values: `/products/[id]`; `/products/*` where it was guessed from the path. */
export const PAGE_ROUTE = "throughline.page.route";
/** Only what the app says with `setUser`; its other attributes are `user.` and their name. */
export const USER_ID = "user.id";

/** What a person did, on an interaction span: `click`, `submit`, `key`. */
export const INTERACTION_TYPE = "throughline.interaction.type";
/** What it was done to, on an interaction span: the label, `Buy`. */
export const INTERACTION_TARGET = "throughline.interaction.target";
/** `sent` or why not (`off`, `origin`, `caller`, `consent`), on a browser CLIENT span. */
export const PROPAGATION = "throughline.propagation";
/** `inferred` where the parent was guessed from the open interaction instead of known. */
export const PARENT = "throughline.parent";
/** What ended a browser span before its work did: `pagehide`, `hidden`, `deadline`, `navigation`, `error`, `stop`. */
export const ENDED_BY = "throughline.ended_by";
/** `true` on a CLIENT span whose caller aborted the request. */
export const ABORTED = "throughline.aborted";

/** One measurement of a page or navigation: https://opentelemetry.io/docs/specs/semconv/browser/events/ */
export const WEB_VITAL_NAME = "browser.web_vital.name";
export const WEB_VITAL_VALUE = "browser.web_vital.value";
export const WEB_VITAL_DELTA = "browser.web_vital.delta";
export const WEB_VITAL_ID = "browser.web_vital.id";
export const WEB_VITAL_RATING = "browser.web_vital.rating";
export const WEB_VITAL_NAVIGATION_TYPE = "browser.web_vital.navigation_type";
/** The element a web vital is about, as a selector. */
export const WEB_VITAL_ELEMENT = "throughline.web_vital.element";
/** What called a script during a slow interaction, as the browser tells it: `BUTTON#buy.onclick`. */
export const SCRIPT_INVOKER = "throughline.script.invoker";
export const CODE_FUNCTION_NAME = "code.function.name";
/** Of a server action: the file it is written in, as the build names it. */
export const CODE_FILE_PATH = "code.file.path";

/** Next.js's id of a failure on the server, the same on the server's span and the browser's. */
export const ERROR_DIGEST = "throughline.error.digest";
/** The components around a failed React component, innermost first. */
export const COMPONENT_STACK = "throughline.error.component_stack";
/** How many errors were left out before this one, because they came too fast. */
export const ERRORS_DROPPED = "throughline.errors.dropped";

// https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
export const MESSAGING_SYSTEM = "messaging.system";
export const MESSAGING_DESTINATION_NAME = "messaging.destination.name";
export const MESSAGING_OPERATION_NAME = "messaging.operation.name";
/** `send` on a PRODUCER span, `process` on a CONSUMER span. */
export const MESSAGING_OPERATION_TYPE = "messaging.operation.type";
export const MESSAGING_MESSAGE_ID = "messaging.message.id";
/** How many jobs one PRODUCER span sent, where it was more than one. */
export const MESSAGING_BATCH_MESSAGE_COUNT = "messaging.batch.message_count";
/** `parent` where a job goes on with its sender's trace; else why it only has a link to it: `retry`, `repeat`, `delay`, `fan-out`, `asked`. */
export const JOB_RELATION = "throughline.job.relation";
/** 1 for the first time a job runs. */
export const JOB_ATTEMPT = "throughline.job.attempt";
/** What kind of job it is, in queues that have names for that. */
export const JOB_NAME = "throughline.job.name";
/** The queue's own exception by which a job left on purpose, to run again later: `DelayedError`. */
export const JOB_LEFT_BY = "throughline.job.left_by";

/** Spans that this process dropped since its last report, on the resource of the next batch that arrives. */
export const DROPPED_SPANS = "throughline.dropped_spans";

// Next.js: the names its own tracer writes.
export const NEXT_SPAN_TYPE = "next.span_type";
export const NEXT_SPAN_NAME = "next.span_name";
export const NEXT_ROUTE = "next.route";
/** `hit` on a {@link CACHE_HIT_EVENT}; `hmr` in dev, where a reload keeps what was fetched. */
export const NEXT_FETCH_CACHE_STATUS = "next.fetch.cache_status";
/** The event on the span that called `fetch` and got its answer out of Next.js's data cache. */
export const CACHE_HIT_EVENT = "cache hit";
/** The event on the span that called `fetch` and got its answer from an equal call of the same render. */
export const SHARED_FETCH_EVENT = "shared fetch";
/** Why a span of ours ended by a throw that is no failure: `redirect`, `notFound`, `forbidden`, `unauthorized`, `dynamic`. */
export const CONTROL_FLOW = "next.control_flow";

// What the older conventions called the same; Next.js 16 and some instrumentations still write them.
export const OLD_HTTP_METHOD = "http.method";
export const OLD_HTTP_TARGET = "http.target";
export const OLD_HTTP_URL = "http.url";
export const OLD_HTTP_STATUS_CODE = "http.status_code";
export const OLD_DB_SYSTEM = "db.system";
export const OLD_DB_STATEMENT = "db.statement";
export const OLD_DB_OPERATION = "db.operation";
export const OLD_DB_NAME = "db.name";

/** Where the browser posts its spans when nothing else is set. */
export const DEFAULT_INGEST_PATH = "/api/tl";
/** The request header that carries the flush token of a test run. */
export const FLUSH_TOKEN_HEADER = "x-throughline-flush-token";
/** The entry of `Server-Timing` that says of a document whether its trace is kept: `1` or `0`, and the Unix milliseconds. */
export const SAMPLED_TIMING = "tsmp";
/** The global that the Playwright fixture puts into the page before any script runs. */
export const TEST_GLOBAL = "__throughline_test__";

/** `click Buy` */
export function interactionSpanName(type: string, target: string): string {
  return target === "" ? type : `${type} ${target}`;
}

/** `navigate /products/[id]`; without the route until it is known. */
export function navigationSpanName(route = ""): string {
  return route === "" ? "navigate" : `navigate ${route}`;
}

/** `publish emails`; the operation alone where the queue has no name, as the messaging conventions ask. */
export function jobSpanName(operation: "publish" | "process", queue: string | undefined): string {
  return queue ? `${operation} ${queue}` : operation;
}

/** `POST /api/orders`; the method alone where no route is known, as the HTTP conventions ask. */
export function requestSpanName(method: string, route: string | undefined): string {
  return route ? `${method} ${route}` : method;
}
