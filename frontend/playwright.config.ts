import { defineConfig } from "@playwright/test";

// Started by `make e2e` (dev/e2e.py), which says where everything is.
export default defineConfig({
  testDir: "e2e",
  workers: 1, // all share one service, which some of them cut off
  fullyParallel: false,
  forbidOnly: true,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
  use: { baseURL: "http://localhost:3000", trace: "retain-on-failure" },
  projects: [
    { name: "tests", testIgnore: "screenshots.spec.ts" },
    { name: "screenshots", testMatch: "screenshots.spec.ts" },
  ],
});
