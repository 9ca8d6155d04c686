// All of the library that is used here, as a chunk of its own.
export { onCLS, onFCP, onINP, onLCP, onTTFB } from "web-vitals";
