// Paths without the app's base path, of which a server makes no span on purpose: docs/server/noise.md. The server asks
// here before it makes one, the diagnosis before it misses one.

/** Files of the build. The Pages Router's data requests lie among them, and run the user's getServerSideProps. */
export function isAssetPath(path: string): boolean {
  return path.includes("/_next/") && !path.includes("/_next/data/");
}

/** What browsers and the dev overlay ask for by themselves. */
export function isUnaskedPath(path: string): boolean {
  return /^\/(?:favicon\.ico$|__nextjs_|\.well-known\/appspecific\/com\.chrome\.devtools)/.test(path);
}

/** Paths that only a probe asks for. */
export function isProbePath(path: string): boolean {
  return /^(?:\/api)?\/(?:healthz|livez|readyz)(?:\/|$)/.test(path);
}

/** Paths that a probe asks for, and that may as well be a page about health: then a browser asks. */
export function isHealthPath(path: string): boolean {
  return /^(?:\/api)?\/health(?:[-_]?checks?)?(?:\/|$)/.test(path);
}
