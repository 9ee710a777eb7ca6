// Bundles src/ into the folder given as the only argument. Run by build.py.
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2];
if (!out) throw new Error("Say where to: node build.mjs FOLDER");

await build({
  absWorkingDir: here,
  entryPoints: [
    ...["docs.js", "oauth2-redirect.js", "notify.js", "push-worker.js", "docs.css", "guest.css"].map((name) => `src/${name}`),
  ],
  outdir: out,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022", "chrome109", "firefox115", "safari16.4"],
  legalComments: "none", // licenses.txt carries them
  logLevel: "warning",
});

await copyFile(join(here, "src/favicon.svg"), join(out, "favicon.svg"));
await writeFile(join(out, "licenses.txt"), await licenses());

// Compressed once, here, rather than on every request.
for (const name of await readdir(out)) {
  await writeFile(join(out, `${name}.gz`), gzipSync(await readFile(join(out, name)), { level: 9 }));
}

/** What Swagger UI and the libraries inside its bundle ask to be passed on. */
async function licenses() {
  const swagger = join(here, "node_modules/swagger-ui-dist");
  const { version } = JSON.parse(await readFile(join(swagger, "package.json"), "utf8"));
  const names = ["NOTICE", "LICENSE", "swagger-ui-es-bundle.js.LICENSE.txt"];
  const texts = await Promise.all(names.map((name) => readFile(join(swagger, name), "utf8")));
  return [`docs.js and docs.css contain Swagger UI ${version}.\n`, ...texts].join("\n");
}
