import { fileURLToPath } from "node:url";
import { withTracing } from "@throughline/server/next-config";
import type { NextConfig } from "next";

// Named, so that a lock file above the clone does not make Next guess another root.
const workspace = fileURLToPath(new URL("../..", import.meta.url));

const config: NextConfig = {
  // The end-to-end tests build a second shop, with tracing off, beside the first.
  distDir: process.env.NEXT_DIST_DIR ?? ".next",
  outputFileTracingRoot: workspace,
  turbopack: { root: workspace },
  poweredByHeader: false,
};

export default withTracing(config);
