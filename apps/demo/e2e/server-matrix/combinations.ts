/** One way to build and serve `fixtures/server-app`. */
export interface Combination {
  readonly name: string;
  readonly webpack: boolean;
  /** `output: "standalone"`, copied to a folder that has no `node_modules` above it. */
  readonly standalone: boolean;
  readonly cacheComponents: boolean;
  /** A proxy.js that runs for every request. */
  readonly proxy: boolean;
  /** `basePath: "/base"`. */
  readonly basePath: boolean;
  readonly trailingSlash: boolean;
}

/** Why these: docs/decisions/0030-matrix.md. */
export const COMBINATIONS: readonly Combination[] = [
  combination("turbopack"),
  combination("webpack", "cacheComponents", "basePath", "trailingSlash"),
  combination("webpack", "standalone", "cacheComponents", "proxy"),
  combination("webpack", "standalone", "basePath", "trailingSlash"),
  combination("turbopack", "cacheComponents", "proxy", "basePath"),
  combination("turbopack", "standalone", "proxy", "trailingSlash"),
];

type Choice = "standalone" | "cacheComponents" | "proxy" | "basePath" | "trailingSlash";

function combination(bundler: "turbopack" | "webpack", ...choices: readonly Choice[]): Combination {
  const has = (choice: Choice): boolean => choices.includes(choice);
  return {
    name: [bundler, ...choices].join("-"),
    webpack: bundler === "webpack",
    standalone: has("standalone"),
    cacheComponents: has("cacheComponents"),
    proxy: has("proxy"),
    basePath: has("basePath"),
    trailingSlash: has("trailingSlash"),
  };
}
