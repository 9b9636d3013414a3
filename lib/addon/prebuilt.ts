import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { compiledFile, requireHere } from "../package.js";
import { entryName, infoOf, storeAddon, storeOf } from "./addon-store.js";
import type { BuildInfo } from "./build-info.js";
import type { Libtorch } from "./libtorch.js";
import { cacheFolder } from "./paths.js";
import { scriptCommand } from "./runtime.js";
import { reasonOf } from "../system-error.js";
import { minorVersion } from "./versions.js";

/** The package with addons for this platform, an optional dependency. */
export const PLATFORM_PACKAGE = `@mutual-channel-loss/${process.platform}-${process.arch}`;

const TRY_MS = 120_000;

export interface Prebuilt {
  folder: string;
  info: BuildInfo;
}

/** The addons of these sources in the platform's package; undefined where that is not installed. */
export function prebuiltAddons(sources: string): Prebuilt[] | undefined {
  const addons = join(platformFolder() ?? "", "addons");
  if (!existsSync(addons)) return undefined;
  return readdirSync(addons).flatMap((name) => {
    const folder = join(addons, name);
    const info = infoOf(folder, sources);
    return info ? [{ folder, info }] : [];
  });
}

function platformFolder(): string | undefined {
  try {
    return dirname(requireHere.resolve(`${PLATFORM_PACKAGE}/package.json`));
  } catch {
    return undefined;
  }
}

/** Of addons those that fit a LibTorch: of its minor version, and for its CUDA rather than for the CPU alone. */
export function fitting(addons: readonly Prebuilt[], libtorch: Libtorch): Prebuilt[] {
  const major = (cuda: string | null) => cuda?.split(".")[0];
  return addons
    .filter(({ info }) => minorVersion(info.torchVersion) === minorVersion(libtorch.version))
    .filter(({ info }) => info.cuda === null || major(info.cuda) === major(libtorch.cuda))
    .sort((a, b) => Number(b.info.cuda !== null) - Number(a.info.cuda !== null));
}

/** The path of an adopted addon, or why it cannot be used. */
export type Adopted = string | { problem: string };

/**
 * Puts an addon into the cache beside a link to a LibTorch, once it was loaded in a process of its own. One that was not
 * to be loaded is remembered, and with `retry` tried again.
 */
export function adoptAddon(
  { folder, info }: Prebuilt,
  libtorch: Libtorch,
  { env = process.env, retry = false }: { env?: NodeJS.ProcessEnv; retry?: boolean } = {},
): Adopted {
  const adopted = { ...info, torchVersion: libtorch.version, torchRoot: libtorch.root };
  const refusal = join(storeOf(cacheFolder(env)), `${entryName(adopted)}.refused`);
  if (!retry && existsSync(refusal)) return { problem: readFileSync(refusal, "utf8") };
  try {
    const addon = storeAddon(folder, adopted, { env, check: tryToLoad });
    rmSync(refusal, { force: true });
    return addon;
  } catch (error) {
    if (!(error instanceof Refused)) return { problem: `the cache cannot be written: ${reasonOf(error)}` };
    writeFileSync(refusal, error.message);
    return { problem: error.message };
  }
}

class Refused extends Error {}

/** @throws Refused with what the process said that tried */
function tryToLoad(addon: string): void {
  const { command, args, env } = scriptCommand(compiledFile("addon/try.js"), [addon]);
  const { status, signal, stdout, error } = spawnSync(command, args, {
    env,
    encoding: "utf8",
    timeout: TRY_MS,
  });
  if (status === 0) return;
  const said = stdout.trim().split("\n")[0] || error?.message;
  throw new Refused(said ?? `it ends the process with ${signal ?? `code ${status}`}`);
}
