// Bundles every widget into nbrunner/static, one module and one style sheet each.
import { build } from "esbuild";
import { readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "nbrunner", "static");
const MAX_BYTES = 150_000;

// An entry is a file directly in src/widgets, and what loads it; what they share is in the
// folders beside it.
const entries = readdirSync(join(here, "src", "widgets"))
  .filter((name) => name.endsWith(".ts"))
  .map((name) => join(here, "src", "widgets", name))
  .concat(join(here, "src", "loader.ts"));

rmSync(out, { recursive: true, force: true });
await build({
  entryPoints: entries,
  outdir: out,
  entryNames: "[name]",
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  logLevel: "warning",
});

let tooLarge = false;
for (const name of readdirSync(out).sort()) {
  const bytes = statSync(join(out, name)).size;
  console.log(`${name.padEnd(24)}${(bytes / 1000).toFixed(1).padStart(8)} kB`);
  tooLarge ||= bytes > MAX_BYTES;
}
if (tooLarge) {
  console.error(`a bundle is over ${MAX_BYTES / 1000} kB`);
  process.exit(1);
}
