// Loaded before the server: the first who asks for what the kit keeps in this process fails, and that is its `register`.
const key = Symbol.for("throughline.server");
Object.defineProperty(globalThis, key, {
  configurable: true,
  get() {
    delete globalThis[key];
    throw new Error("broken on purpose");
  },
});
