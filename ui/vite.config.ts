import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

/** Where `npm run dev` finds a hub; the real one by default, `npm run mock` prints its own. */
const hub = process.env["TARSIER_HUB"] ?? "http://127.0.0.1:8787";

export default defineConfig({
  plugins: [svelte()],
  resolve: { conditions: ["browser"] },
  // The hub's content security policy allows no inline data, so every asset is a file.
  build: { target: "es2022", assetsInlineLimit: 0, reportCompressedSize: false },
  server: {
    host: "127.0.0.1",
    port: 5173,
    strictPort: false,
    proxy: { "/api": hub, "/live": { target: hub, ws: true }, "/healthz": hub },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
