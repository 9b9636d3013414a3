// Copies the headers of Node-API into dist/: an installed package builds without their packages.
import { copyFileSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const target = fileURLToPath(new URL("../dist/headers", import.meta.url));
const folders = [
  require("node-api-headers").include_dir,
  dirname(require.resolve("node-addon-api/package.json")),
];

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
for (const folder of folders) {
  for (const name of readdirSync(folder).filter((name) => name.endsWith(".h"))) {
    copyFileSync(join(folder, name), join(target, name));
  }
}
