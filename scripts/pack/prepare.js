// `npm pack` and `npm publish` run it first: puts in place of dist/ and package.json what the published package has of them, until
// scripts/pack/restore.js puts them back.
import { copyFileSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { bundle } from "./bundle.js";
import { FOLDERS } from "./folders.js";

/** What only a checkout needs. yarn 1 warns of workspaces in a package that is not private. */
const OWN_KEYS = ["workspaces", "devDependencies", "scripts", "imports"];

const text = readFileSync("package.json", "utf8");
const manifest = JSON.parse(text);

/** What is not made of lib/, and the types, as they are. */
function isKept(source) {
  if (/\/report\/browser\//.test(source)) return !/\.(map|d\.ts)$/.test(source);
  return !/\.(js|map|tsbuildinfo)$/.test(source);
}

rmSync(FOLDERS.packing, { recursive: true, force: true });
mkdirSync(FOLDERS.packing, { recursive: true });
cpSync("dist", FOLDERS.made, { recursive: true, filter: isKept });
await bundle(manifest, FOLDERS.made);

copyFileSync("package.json", FOLDERS.manifest);
const published = Object.entries(manifest).filter(([key]) => !OWN_KEYS.includes(key));
writeFileSync("package.json", `${JSON.stringify(Object.fromEntries(published), null, 2)}\n`);
renameSync("dist", FOLDERS.dist);
renameSync(FOLDERS.made, "dist");
