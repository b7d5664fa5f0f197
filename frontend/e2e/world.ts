import { chromium, expect, test as base, type Page } from "@playwright/test";
import { Network } from "./network.ts";
import { Person } from "./person.ts";

export { expect, type Page };
export * from "./person.ts";

// What Debian's chromium needs in a container, and to call nobody but us.
const SWITCHES = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

interface Shared {
  network: Network;
}

interface Own {
  ada: Person;
}

/** The tests' world: the pages as they were built, and a network to the service that can be cut. */
export const test = base.extend<Own, Shared>({
  network: [
    async ({}, use) => {
      const network = new Network(Number(process.env["E2E_SERVICE_PORT"]));
      await network.mend();
      await use(network);
      await network.cut();
    },
    { scope: "worker" },
  ],
  // The browser goes to the addresses that the pages were built with, and arrives elsewhere.
  browser: [
    async ({ network }, use) => {
      const pages = `MAP localhost:3000 127.0.0.1:${process.env["E2E_FRONTEND_PORT"]}`;
      const service = `MAP localhost:3001 127.0.0.1:${network.port}`;
      const browser = await chromium.launch({
        executablePath: process.env["E2E_BROWSER"] ?? "",
        args: [...SWITCHES, `--host-resolver-rules=${pages},${service}`],
      });
      await use(browser);
      await browser.close();
    },
    { scope: "worker" },
  ],
  ada: async ({ browser, network }, use) => {
    await network.mend();
    await use(await Person.signUp(browser));
    for (const context of browser.contexts()) await context.close();
  },
});
