import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, relative, sep } from "node:path";

// Serves what was built, as deploy/nginx does: `make frontend`, and the browser tests.

const OUT = join(import.meta.dirname, "..", "out");
const host = process.env["FRONTEND_HOST"] ?? "localhost";
const port = Number(process.env["FRONTEND_PORT"] ?? 3000);

// Above it Node.js answers 431 and resets the connection, which may reach the client first.
const MAX_HEAD = 128 * 1024; // bytes

const FOR_EVER = "public, max-age=31536000, immutable"; // its name changes with its content

const TYPES: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
};

// The rest of the policy is in the pages themselves (scripts/finish.ts).
const HEADERS = {
  "Content-Security-Policy": "frame-ancestors 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

const PACKINGS = [
  { name: "br", suffix: ".br" },
  { name: "gzip", suffix: ".gz" },
];

// Only what was built is found, by its name: no address that somebody makes up reaches the disk.
const files = new Map(
  readdirSync(OUT, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => [`/${relative(OUT, file).replaceAll(sep, "/")}`, readFileSync(file)]),
);

const server = createServer({ maxHeaderSize: MAX_HEAD }, (request, response) => {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { ...HEADERS, Allow: "GET, HEAD" }).end();
    return;
  }
  const path = pathOf(request.url ?? "");
  if (path === undefined) {
    response.writeHead(400, HEADERS).end();
    return;
  }
  const found = [path, `${path}.html`, `${path}index.html`].find((name) => files.has(name));
  const name = found ?? "/404.html";
  const accepted = (request.headers["accept-encoding"] ?? "").split(/[,; ]+/);
  const packing = PACKINGS.find(({ name: each, suffix }) => accepted.includes(each) && files.has(name + suffix));
  const content = files.get(name + (packing?.suffix ?? "")) ?? "";
  response.writeHead(found ? 200 : 404, {
    ...HEADERS,
    "Content-Type": TYPES[extname(name)] ?? "application/octet-stream",
    "Content-Length": Buffer.byteLength(content),
    "Cache-Control": found?.startsWith("/_next/static/") ? FOR_EVER : "no-cache",
    Vary: "Accept-Encoding",
    ...(packing && { "Content-Encoding": packing.name }),
  });
  response.end(content);
});

/** The decoded path of a request's target: `/path?query`, or a whole address of `http`. */
function pathOf(target: string): string | undefined {
  const [, path] = /^(?:https?:\/\/[^/?#]*(?=\/))?(\/[^?#]*)/i.exec(target) ?? [];
  try {
    return path && decodeURIComponent(path);
  } catch {
    return undefined; // a percent sign that encodes nothing
  }
}

server.on("error", (error) => {
  console.error(`The front end cannot be served on port ${port}: ${error.message}.`);
  process.exit(1);
});
server.listen(port, host, () => {
  console.log(`The front end is at http://localhost:${(server.address() as AddressInfo).port}`);
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit());
