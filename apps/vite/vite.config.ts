import { throughline } from "@throughline/web/vite";
import { defineConfig } from "vite";

// biome-ignore lint/style/noDefaultExport: Vite reads it
export default defineConfig({
  plugins: [throughline()],
  build: { sourcemap: true },
});
