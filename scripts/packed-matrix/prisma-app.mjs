// The fresh app with Prisma in the place of pg, as docs/server/libraries.md has it.

/** Of client, adapter and instrumentation alike. */
const PRISMA = "7.10.0";

/** Any api of the line that the packages ask for: the newest is installed. */
const API = "^1.9.1";

/** Files by path, from those of the fresh app. */
export function prismaApp(files) {
  const { dependencies, devDependencies, ...rest } = JSON.parse(files["package.json"]);
  // The adapter brings a pg of its own.
  const { pg: _, ...others } = dependencies;
  const { "@types/pg": _types, ...tools } = devDependencies;
  const manifest = {
    ...rest,
    dependencies: {
      ...others,
      "@opentelemetry/api": API,
      "@prisma/adapter-pg": PRISMA,
      "@prisma/client": PRISMA,
      "@prisma/instrumentation": PRISMA,
    },
    devDependencies: { ...tools, prisma: PRISMA },
  };
  return {
    ...files,
    ...SOURCES,
    "instrumentation.ts": withPrisma(files["instrumentation.ts"]),
    "package.json": JSON.stringify(manifest, null, 2),
  };
}

/** One CLIENT span a query, that of pg. */
function withPrisma(instrumentation) {
  const pg = "return [new PgInstrumentation({ ignoreConnectSpans: true })];";
  if (!instrumentation.includes(pg)) throw new Error(`packed-matrix: instrumentation.ts lacks ${pg}`);
  return instrumentation.replace(
    pg,
    `const { PrismaInstrumentation } = await import("@prisma/instrumentation");
      return [
        new PgInstrumentation({ ignoreConnectSpans: true }),
        new PrismaInstrumentation({ ignoreSpanTypes: ["prisma:client:db_query"] }),
      ];`,
  );
}

const SOURCES = {
  "prisma.config.ts": `import { defineConfig } from "prisma/config";

export default defineConfig({ schema: "schema.prisma" });
`,
  // A table of apps/demo/database/schema.sql.
  "schema.prisma": `generator client {
  provider = "prisma-client"
  output   = "generated/prisma"
}

datasource db {
  provider = "postgresql"
}

model Order {
  id  Int    @id
  sku String

  @@map("orders")
}
`,
  "app/api/orders/route.ts": `import { PrismaPg } from "@prisma/adapter-pg";
import { withSpan } from "@throughline/server";
import { PrismaClient } from "../../../generated/prisma/client";

const prisma = new PrismaClient({
  adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL, max: 1 }),
});

export async function POST() {
  const stock = await fetch(process.env.INVENTORY_URL + "/stock?sku=brass-ruler", { cache: "no-store" });
  const { available } = await stock.json();
  const sold = await withSpan("write it down", () => prisma.order.findMany({ where: { sku: "brass-ruler" } }));
  return Response.json({ left: available - sold.length });
}
`,
};
