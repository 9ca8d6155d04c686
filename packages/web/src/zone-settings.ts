// To be imported before zone.js, which reads it as it is loaded. By its default zone.js does not wrap what a promise was
// rejected with, and has then no promise to make the event `unhandledrejection` of: nobody in the page hears of it
// (0.16.3, `findPromiseRejectionHandler`). With this the event comes, with the reason itself.
const NO_WRAPPING = zoneSymbol("DISABLE_WRAPPING_UNCAUGHT_PROMISE_REJECTION");
if (Reflect.get(globalThis, NO_WRAPPING) === undefined) Reflect.set(globalThis, NO_WRAPPING, false);

/** The key under which zone.js keeps something on an object of the page. */
export function zoneSymbol(name: string): string {
  return `__zone_symbol__${name}`;
}
