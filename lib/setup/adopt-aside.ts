import type { Libtorch } from "../addon/libtorch.js";
import type { Adopted, Prebuilt } from "../addon/prebuilt.js";
import { scriptCommand } from "../addon/runtime.js";
import { compiledFile } from "../package.js";
import { run } from "./run.js";

/** Adopts a prebuilt addon, again where it failed before, in a process of its own: trying to load it may take long. */
export async function adoptAside(addon: Prebuilt, libtorch: Libtorch): Promise<Adopted> {
  const script = compiledFile("addon/adopt.js");
  const { command, args, env } = scriptCommand(script, [JSON.stringify(addon), JSON.stringify(libtorch)]);
  const { code, output, stdout } = await run(command, args, { env });
  return code === 0 ? (JSON.parse(stdout) as Adopted) : { problem: output.trim() };
}
