import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 180_000,
    maxWorkers: 2,
    // A process with many updates in it aborts now and then in V8 ("jit_page.has_value()", which looks like
    // nodejs/node#64500). The cause is not established: fetch-run's giveBack and ended threads are not cleared.
    execArgv: ["--no-memory-protection-keys"],
    coverage: { provider: "v8", include: ["src/**/*.ts"], reporter: ["text-summary", "text"] },
  },
});
