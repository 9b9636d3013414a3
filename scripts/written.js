import { readFileSync, writeFileSync } from "node:fs";
import prettier from "prettier";

/** Writes what a script makes, formatted; with --check only says where it is not what is there. */
export async function keepWritten(path, text, by) {
  const whole = await prettier.format(text, { ...(await prettier.resolveConfig(path)), filepath: path });
  if (!process.argv.includes("--check")) return writeFileSync(path, whole);
  if (whole === readFileSync(path, "utf8")) return;
  console.error(`${path} is not what ${by} makes; run npm run generate`);
  process.exitCode = 1;
}
