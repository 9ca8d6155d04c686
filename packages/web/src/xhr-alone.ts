// Built by itself: a module that it shared with the rest would be cut in two for everybody.
export { traceXhr } from "./request/xhr.ts";
