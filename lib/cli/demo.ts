import type { Command } from "commander";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { PACKAGE_ROOT } from "../package.js";

const SOURCE = join(PACKAGE_ROOT, "examples", "demo", "command.ts");

/** The demo and its drawings are of the repository alone, not of the package. */
export const hasDemo = existsSync(SOURCE);

/** Its command, from the TypeScript that it is. */
export async function readDemo(): Promise<() => Command> {
  const { register } = await import("tsx/esm/api");
  const unregister = register();
  try {
    const { demoCommand } = (await import(pathToFileURL(SOURCE).href)) as { demoCommand: () => Command };
    return demoCommand;
  } finally {
    await unregister();
  }
}
