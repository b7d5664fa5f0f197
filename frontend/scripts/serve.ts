import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

// Serves what was built, as deploy/nginx does: `make frontend`, and the browser tests.

const OUT = join(import.meta.dirname, "..", "out");
const host = process.env["FRONTEND_HOST"] ?? "localhost";
const port = Number(process.env["FRONTEND_PORT"] ?? 3000);

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

const server = createServer((request, response) => {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { ...HEADERS, Allow: "GET, HEAD" }).end();
    return;
  }
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const found = [pathname, `${pathname}.html`, `${pathname}index.html`].map(fileOf).find(Boolean);
  const file = found ?? join(OUT, "404.html");
  const accepted = (request.headers["accept-encoding"] ?? "").split(/[,; ]+/);
  const packing = PACKINGS.find(({ name, suffix }) => accepted.includes(name) && exists(file + suffix));
  response.writeHead(found ? 200 : 404, {
    ...HEADERS,
    "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
    "Cache-Control": pathname.startsWith("/_next/static/") ? FOR_EVER : "no-cache",
    Vary: "Accept-Encoding",
    ...(packing && { "Content-Encoding": packing.name }),
  });
  createReadStream(file + (packing?.suffix ?? "")).pipe(response);
});

function fileOf(path: string): string | undefined {
  const file = join(OUT, normalize(decode(path)));
  return file.startsWith(OUT) && exists(file) ? file : undefined;
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

server.on("error", (error) => {
  console.error(`The front end cannot be served on port ${port}: ${error.message}.`);
  process.exit(1);
});
server.listen(port, host, () => console.log(`The front end is at http://localhost:${port}`));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit());
