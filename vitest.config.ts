import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 180_000,
    maxWorkers: 2,
    // V8 counts pages of code for protection keys and aborts ("jit_page.has_value()", nodejs/node#64500) when a
    // process has started and ended some hundred threads with WebAssembly in them, which only tests do.
    execArgv: ["--no-memory-protection-keys"],
    coverage: { provider: "v8", include: ["src/**/*.ts"], reporter: ["text-summary", "text"] },
  },
});
