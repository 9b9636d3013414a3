// `node native/unity.cjs NAME` prints the sources that binding.gyp compiles for the list NAME of native/sources.json: each
// includes several of that list, because most of the build is reading LibTorch's headers. CMake has this built in.
const { existsSync, mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const sources = require("./sources.json");

const BATCH = 10;
const FOLDER = "build/unity";

const [name] = process.argv.slice(2);
const files = sources[name];
mkdirSync(FOLDER, { recursive: true });
for (let start = 0; start < files.length; start += BATCH) {
  const path = `${FOLDER}/${name}_${start / BATCH}.cpp`;
  const batch = files.slice(start, start + BATCH);
  const text = batch.map((file) => `#include "../../${file}"\n`).join("");
  // An unchanged file is not compiled again.
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text);
  console.log(path);
}
