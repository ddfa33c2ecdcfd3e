// How the UI is built, served while developing (with the API proxied to a running server) and unit tested.
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const backend = process.env["WATCHKEEP_URL"] ?? "http://127.0.0.1:7070";

export default defineConfig({
  plugins: [react()],
  base: "/",
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    target: "es2022",
    sourcemap: false,
    chunkSizeWarningLimit: 400,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": backend, "/status": backend, "/tempo": backend, "/loki": { target: backend, ws: true } } },
  test: { environment: "node", include: ["src/**/*.test.{ts,tsx}"] },
});
