// What the `<script>` build puts on the page as `Throughline`.
export { setConsent } from "./identity/consent.ts";
export { startWebTracing } from "./start.ts";
export { bind, withSpan } from "./with-span.ts";
