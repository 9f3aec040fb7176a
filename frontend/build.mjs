// Builds src/ into ../api/static/, with the digests that a test compares; `npm ci && npm run build`.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { build } from "esbuild";

const HERE = import.meta.dirname;
const OUT = join(HERE, "..", "api", "static");
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

function files(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

async function bundle(entry, out) {
  await build({
    entryPoints: [join(HERE, "src", entry)],
    outfile: join(OUT, out),
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "eof",
    charset: "utf8",
  });
}

await bundle("main.jsx", "dashboard.js");
await bundle("style.css", "dashboard.css");
const version = (name) => sha256(readFileSync(join(OUT, name))).slice(0, 12);
const page = readFileSync(join(HERE, "src", "dashboard.html"), "utf8")
  .replace("{js}", version("dashboard.js"))
  .replace("{css}", version("dashboard.css"));
writeFileSync(join(OUT, "dashboard.html"), page);

const sources = [
  ...["package.json", "package-lock.json", "build.mjs"].map((name) => join(HERE, name)),
  ...files(join(HERE, "src")),
];
const digests = (paths, base) =>
  Object.fromEntries(paths.map((path) => [relative(base, path), sha256(readFileSync(path))]).sort());
const built = ["dashboard.html", "dashboard.js", "dashboard.css"].map((name) => join(OUT, name));
const record = { sources: digests(sources, HERE), built: digests(built, OUT) };
writeFileSync(join(OUT, "build.json"), `${JSON.stringify(record, null, 2)}\n`);
for (const path of built) console.log(statSync(path).size, relative(OUT, path));
