import { startWebTracing } from "@throughline/web";

// Where the server that hands out this page says the spans go; the page itself is built once for every place.
const endpoint = document.querySelector<HTMLMetaElement>('meta[name="otlp-endpoint"]')?.content;

startWebTracing({ serviceName: "vite-web", endpoint });
