import { join } from "node:path";
import type { Reproduction } from "../compare/reproduce.js";
import { reproductionTable } from "../compare/reproduction-table.js";
import { replaceWith } from "../io/replace-file.js";

/** Writes a reproduction's table into `out` in each format, and gives it as text. */
export async function writeReproduction(out: string, reproduction: Reproduction): Promise<string> {
  await replaceWith(join(out, "table.md"), `${reproductionTable(reproduction, "markdown")}\n`);
  await replaceWith(join(out, "table.tex"), `${reproductionTable(reproduction, "latex")}\n`);
  await replaceWith(join(out, "table.json"), `${JSON.stringify(reproduction, null, 2)}\n`);
  return reproductionTable(reproduction);
}
