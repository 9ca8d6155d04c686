// The app of somebody who follows README.md: none of its files knows the workspace.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const read = (path) =>
  JSON.parse(readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8"));

/** Files by path; `archives` are the packed packages by name. */
export function freshApp(archives) {
  return { ...SOURCES, "package.json": JSON.stringify(manifest(archives), null, 2) };
}

function manifest(archives) {
  const { dependencies, devDependencies } = read("apps/demo/package.json");
  const pick = (from, names) => Object.fromEntries(names.map((name) => [name, from[name]]));
  const files = Object.fromEntries(Object.entries(archives).map(([name, path]) => [name, `file:${path}`]));
  return {
    name: "fresh-app",
    version: "0.0.0",
    private: true,
    dependencies: {
      ...files,
      ...pick(dependencies, ["@opentelemetry/api", "@opentelemetry/instrumentation-pg"]),
      ...pick(dependencies, ["next", "pg", "react", "react-dom"]),
    },
    devDependencies: {
      ...pick(devDependencies, ["@types/node", "@types/pg", "@types/react", "@types/react-dom"]),
      typescript: read("package.json").devDependencies.typescript,
    },
    // What is not published yet is looked for in the registry by pnpm, though it lies here; npm takes the one above.
    pnpm: { overrides: files },
  };
}

const SOURCES = {
  "next.config.ts": `import { withTracing } from "@throughline/server/next-config";

export default withTracing({
  ...(process.env.STANDALONE && { output: "standalone" as const }),
});
`,
  "instrumentation.ts": `import { register as registerTracing } from "@throughline/server";
export { onRequestError } from "@throughline/server";

export function register() {
  return registerTracing({
    instrumentations: async () => {
      if (process.env.FAULT === "instrumentations") throw new Error("broken on purpose");
      if (process.env.NEXT_RUNTIME === "nodejs") {
        const { PgInstrumentation } = await import("@opentelemetry/instrumentation-pg");
        return [new PgInstrumentation({ ignoreConnectSpans: true })];
      }
      return [];
    },
  });
}
`,
  "app/api/tl/[...signal]/route.ts": `export { POST } from "@throughline/server/ingest";\n`,
  "app/layout.tsx": `import type { ReactNode } from "react";

export default function Layout({ children }: { children: ReactNode }) {
  return <html lang="en"><body>{children}</body></html>;
}
`,
  "app/page.tsx": `"use client";
import { useState } from "react";

export default function Page() {
  const [left, setLeft] = useState("");
  const buy = async () => {
    const answer = await fetch("/api/orders", { method: "POST" });
    setLeft(answer.ok ? "bought" : "failed");
  };
  return <main><button onClick={buy}>Buy</button><output>{left}</output></main>;
}
`,
  "app/api/orders/route.ts": `import { withSpan } from "@throughline/server";
import { Pool } from "pg";

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 1 });

export async function POST() {
  const stock = await fetch(process.env.INVENTORY_URL + "/stock?sku=brass-ruler", { cache: "no-store" });
  const { available } = await stock.json();
  const { rows } = await withSpan("write it down", () => pool.query("SELECT $1::int AS left", [available]));
  return Response.json(rows[0]);
}
`,
  "tsconfig.json": JSON.stringify({
    compilerOptions: {
      strict: true,
      noEmit: true,
      // What is published is checked as well.
      skipLibCheck: false,
      target: "es2022",
      lib: ["dom", "dom.iterable", "esnext"],
      module: "esnext",
      moduleResolution: "bundler",
      jsx: "react-jsx",
      isolatedModules: true,
      esModuleInterop: true,
      resolveJsonModule: true,
      incremental: true,
      plugins: [{ name: "next" }],
    },
    include: ["next-env.d.ts", "**/*.ts", "**/*.tsx", ".next/types/**/*.ts"],
    exclude: ["node_modules"],
  }),
};
