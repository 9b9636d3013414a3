import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { makeFolderSync } from "../make-folder.js";
import { hashSources, readBuildInfo, writeBuildInfo, type BuildInfo } from "./build-info.js";
import {
  ADDON_FILE,
  BUILD_FOLDERS,
  cacheFolder,
  cacheFolders,
  IS_CHECKOUT,
  OPS_FILE,
  type BuildSystem,
} from "./paths.js";

// Addons in the cache: a folder each for sources × LibTorch × compiler, with the addon, its operators, build-info.json and
// the link `libtorch`, where the addon looks for its LibTorch.

const STAGED = ".new-";
const ABANDONED_MS = 24 * 60 * 60 * 1000;
const READABLE_FOR_ALL = 0o755;

/** Where a cache keeps its addons. */
export function storeOf(cache: string): string {
  return join(cache, "addons");
}

/** The folders of addons of these sources in all caches, the newest first. */
function storedAddons(sources: string, env: NodeJS.ProcessEnv = process.env): string[] {
  return cacheFolders(env)
    .flatMap((cache) => entriesOf(storeOf(cache), sources))
    .map((folder) => ({ folder, time: statSync(folder).mtimeMs }))
    .sort((a, b) => b.time - a.time)
    .map(({ folder }) => folder);
}

function entriesOf(store: string, sources: string): string[] {
  const start = `${shortened(sources)}-`;
  return namesIn(store)
    .filter((name) => name.startsWith(start) && existsSync(join(store, name, ADDON_FILE)))
    .map((name) => join(store, name));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Missing, or not to be read: the loader says which.
    return [];
  }
}

/** The name of an addon's folder. */
export function entryName(info: BuildInfo): string {
  const { torchRoot, torchVersion, cuda, buildSystem, compiler, sources } = info;
  const rest = shortened(
    createHash("sha256")
      .update(JSON.stringify([torchRoot, cuda, buildSystem, compiler]))
      .digest("hex"),
  );
  return `${shortened(sources)}-${torchVersion}-${rest}`;
}

function shortened(hash: string): string {
  return hash.slice(0, 12);
}

export interface StoreOptions {
  env?: NodeJS.ProcessEnv;
  /** Takes the place of one that is there. Default false: then that one is kept. */
  replace?: boolean;
  /** Looks at the addon before it is put in its place; what it throws keeps it out. */
  check?: (addon: string) => void;
}

/**
 * Copies an addon and its operators from a folder into the cache, at once for those who look.
 * @returns the addon's path
 */
export function storeAddon(from: string, info: BuildInfo, options: StoreOptions = {}): string {
  const { env = process.env, replace = false, check } = options;
  const store = storeOf(cacheFolder(env));
  makeFolderSync(store);
  removeAbandoned(store);
  const staged = mkdtempSync(join(store, STAGED));
  const target = join(store, entryName(info));
  try {
    for (const file of [ADDON_FILE, OPS_FILE]) {
      copyFileSync(join(from, file), join(staged, file));
      chmodSync(join(staged, file), READABLE_FOR_ALL);
    }
    symlinkSync(info.torchRoot, join(staged, "libtorch"));
    writeBuildInfo(staged, info);
    chmodSync(staged, READABLE_FOR_ALL);
    check?.(join(staged, ADDON_FILE));
    if (replace && existsSync(target)) renameSync(target, `${staged}-replaced`);
    renameSync(staged, target);
  } catch (error) {
    // Another process was as fast.
    if (!existsSync(join(target, ADDON_FILE)) || !isOccupied(error)) throw error;
  } finally {
    for (const path of [staged, `${staged}-replaced`]) rmSync(path, { recursive: true, force: true });
  }
  return join(target, ADDON_FILE);
}

function isOccupied(error: unknown): boolean {
  return ["ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "");
}

/** What killed processes left. */
function removeAbandoned(store: string): void {
  for (const name of readdirSync(store)) {
    if (!name.startsWith(STAGED)) continue;
    const path = join(store, name);
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity);
    if (age > ABANDONED_MS) rmSync(path, { recursive: true, force: true });
  }
}

/** The addons of this package's sources as they are: a checkout's builds, and those in the caches. */
export function currentAddons(env: NodeJS.ProcessEnv = process.env): { folder: string; info: BuildInfo }[] {
  const sources = hashSources();
  const stored = storedAddons(sources, env).map((folder) => ({ folder, info: infoOf(folder, sources) }));
  return [...builtAddons(), ...stored].flatMap(({ folder, info }) => (info ? [{ folder, info }] : []));
}

function builtAddons(): { folder: string; info: BuildInfo | undefined }[] {
  if (!IS_CHECKOUT) return [];
  return (Object.entries(BUILD_FOLDERS) as [BuildSystem, string][])
    .filter(([, folder]) => existsSync(join(folder, ADDON_FILE)))
    .map(([system, folder]) => ({ folder, info: infoOf(folder, hashSources(system)) }));
}

/** The record of the addon in `folder`, where it is of these sources. */
export function infoOf(folder: string, sources: string): BuildInfo | undefined {
  const info = existsSync(join(folder, ADDON_FILE)) ? readBuildInfo(folder) : undefined;
  return info?.sources === sources ? info : undefined;
}
