/**
 * The packages that OpenTelemetry's instrumentations patch when they are loaded, by the instrumentation's package.
 * https://github.com/open-telemetry/opentelemetry-js-contrib, each instrumentation's `init`
 */
export const INSTRUMENTED_LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  "@opentelemetry/instrumentation-amqplib": ["amqplib"],
  "@opentelemetry/instrumentation-aws-sdk": ["aws-sdk", "@aws-sdk/middleware-stack", "@smithy/smithy-client"],
  "@opentelemetry/instrumentation-bunyan": ["bunyan"],
  "@opentelemetry/instrumentation-cassandra-driver": ["cassandra-driver"],
  "@opentelemetry/instrumentation-dataloader": ["dataloader"],
  "@opentelemetry/instrumentation-generic-pool": ["generic-pool"],
  "@opentelemetry/instrumentation-graphql": ["graphql"],
  "@opentelemetry/instrumentation-ioredis": ["ioredis"],
  "@opentelemetry/instrumentation-kafkajs": ["kafkajs"],
  "@opentelemetry/instrumentation-knex": ["knex"],
  "@opentelemetry/instrumentation-lru-memoizer": ["lru-memoizer"],
  "@opentelemetry/instrumentation-memcached": ["memcached"],
  "@opentelemetry/instrumentation-mongodb": ["mongodb"],
  "@opentelemetry/instrumentation-mongoose": ["mongoose"],
  "@opentelemetry/instrumentation-mysql": ["mysql"],
  "@opentelemetry/instrumentation-mysql2": ["mysql2"],
  "@opentelemetry/instrumentation-openai": ["openai"],
  "@opentelemetry/instrumentation-oracledb": ["oracledb"],
  // The adapter has a `pg` of its own, which a webpack bundle of pnpm's tree takes in with it.
  "@opentelemetry/instrumentation-pg": ["pg", "@prisma/adapter-pg"],
  "@opentelemetry/instrumentation-pino": ["pino"],
  "@opentelemetry/instrumentation-redis": ["redis", "@redis/client"],
  "@opentelemetry/instrumentation-socket.io": ["socket.io"],
  "@opentelemetry/instrumentation-tedious": ["tedious"],
  "@opentelemetry/instrumentation-winston": ["winston"],
  // Patches nothing, and brings the hook all the same.
  "@prisma/instrumentation": [],
};

/** Brings all of the above. */
export const ALL_INSTRUMENTATIONS = "@opentelemetry/auto-instrumentations-node";

/** Of the above, what Next.js leaves out of its bundles by itself: next/dist/lib/server-external-packages.jsonc. */
export const EXTERNAL_BY_DEFAULT: ReadonlySet<string> = new Set(["mongodb", "mongoose", "pg", "pino"]);
