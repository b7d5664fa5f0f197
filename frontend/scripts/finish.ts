import { createHash } from "node:crypto";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";

// The pages as Next.js wrote them lack two things: a policy that allows their own inline scripts by
// hash and no others, and copies that servers need not compress at each request.

const OUT = "out";
const INLINE = /<script(?![^>]*\bsrc=)[^>]*>(.*?)<\/script>/gs;
const HEAD = '<meta charSet="utf-8"/>';

const api = process.env["NEXT_PUBLIC_API_URL"] ?? "http://localhost:3001";

for (const page of files("**/*.html")) {
  const html = readFileSync(page, "utf8");
  if (!html.includes(HEAD)) throw new Error(`${page} does not begin as expected.`);
  writeFileSync(page, html.replace(HEAD, `${HEAD}${policy(html)}`));
}

for (const file of files("**/*.{html,js,css,svg,txt}")) {
  const content = readFileSync(file);
  writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
  writeFileSync(`${file}.br`, brotliCompressSync(content));
}

function files(pattern: string): string[] {
  return globSync(pattern, { cwd: OUT }).map((name) => `${OUT}/${name}`);
}

function policy(html: string): string {
  const hashes = [...html.matchAll(INLINE)].map(([, script = ""]) => {
    return `'sha256-${createHash("sha256").update(script).digest("base64")}'`;
  });
  const rules = {
    "default-src": ["'none'"],
    "script-src": ["'self'", ...new Set(hashes)],
    "style-src": ["'self'"],
    // Pictures are where people say that they are.
    "img-src": ["'self'", "http:", "https:", "data:", "blob:"],
    "connect-src": ["'self'", api],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
  };
  const content = Object.entries(rules).map(([name, values]) => [name, ...values].join(" ").trim());
  return `<meta http-equiv="Content-Security-Policy" content="${content.join("; ")}"/>`;
}
