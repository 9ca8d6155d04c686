/** One way to build and serve `fixtures/server-app`. */
export interface Combination {
  readonly name: string;
  readonly webpack: boolean;
  /** `output: "standalone"`, copied to a folder that has no `node_modules` above it. */
  readonly standalone: boolean;
  readonly cacheComponents: boolean;
  /** A proxy.js that runs for every request. */
  readonly proxy: boolean;
  /** `basePath: "/base"` and `trailingSlash`. */
  readonly base: boolean;
}

/**
 * The smallest set in which every pair of choices occurs: six of 32. The first takes none of the five; of the other
 * five each choice takes another three, and any two threes of five overlap and differ.
 */
export const COMBINATIONS: readonly Combination[] = [
  combination("turbopack"),
  combination("webpack", "standalone", "proxy"),
  combination("webpack", "cacheComponents", "proxy", "base"),
  combination("webpack", "base"),
  combination("turbopack", "standalone", "cacheComponents", "base"),
  combination("turbopack", "standalone", "cacheComponents", "proxy"),
];

type Choice = "standalone" | "cacheComponents" | "proxy" | "base";

function combination(bundler: "turbopack" | "webpack", ...choices: readonly Choice[]): Combination {
  const has = (choice: Choice): boolean => choices.includes(choice);
  return {
    name: [bundler, ...choices].join("-"),
    webpack: bundler === "webpack",
    standalone: has("standalone"),
    cacheComponents: has("cacheComponents"),
    proxy: has("proxy"),
    base: has("base"),
  };
}
