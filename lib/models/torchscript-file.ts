import { createHash } from "node:crypto";
import { closeSync, copyFileSync, existsSync, readSync, realpathSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join, parse, resolve } from "node:path";
import { McLossError } from "../errors.js";
import { openFileSync } from "../io/open-file.js";
import { temporaryName } from "../io/temporary-file.js";
import { mapLayers, type LayerOf } from "./layers.js";
import type { ModelSpec } from "./spec.js";

/**
 * `spec` with the absolute path and the SHA-256 of every TorchScript file in it.
 * @throws McLossError ERR_CHECKPOINT when a file is missing, or another one than `sha256` says
 */
export function pinModules(spec: ModelSpec): ModelSpec {
  return changeModules(spec, (layer) => {
    const path = resolve(layer.path);
    const sha256 = hashFile(path);
    if (layer.sha256 === undefined || layer.sha256 === sha256) return { ...layer, path, sha256 };
    const text =
      `the TorchScript module ${path} is another one than the model was made with (SHA-256 ${sha256}, expected ` +
      `${layer.sha256}). Bring back that file, or leave sha256 out of the spec`;
    throw new McLossError("ERR_CHECKPOINT", text, { path });
  });
}

/** Whether a model of `spec` runs code from files. */
export function hasModules(spec: ModelSpec): boolean {
  let found = false;
  changeModules(spec, (layer) => {
    found = true;
    return layer;
  });
  return found;
}

/** `spec` without the places of its TorchScript files, which say nothing of the network. */
export function withoutPlaces(spec: ModelSpec): ModelSpec {
  return changeModules(spec, (layer) => ({ ...layer, path: "" }));
}

/**
 * `spec` as a checkpoint in `folder` has it: each TorchScript file by the name that it has there. One that is elsewhere is
 * copied; where that fails, the weights are still worth saving, and reading tells what is missing.
 */
export function bringModules(spec: ModelSpec, folder: string): ModelSpec {
  return changeModules(spec, (layer) => {
    const { path, sha256 = hashFile(path) } = layer;
    if (dirname(path) === resolve(folder)) return { ...layer, path: basename(path) };
    const { name, ext } = parse(path);
    const ours = `${name}-${sha256.slice(0, NAMED_DIGITS)}${ext}`;
    copyWhole(path, join(folder, ours));
    return { ...layer, path: ours };
  });
}

/**
 * `spec`, read from a checkpoint in `folder`, with the paths of its TorchScript files. A checkpoint may come from anyone, so
 * they are files beside it, and no others.
 * @throws McLossError ERR_CHECKPOINT
 */
export function findModules(spec: ModelSpec, folder: string): ModelSpec {
  return changeModules(spec, (layer) => {
    const path = join(folder, layer.path);
    const plain = basename(layer.path) === layer.path && basename(path) === layer.path;
    if (plain && !leadsAway(path, folder)) return { ...layer, path };
    const text = `the TorchScript module ${layer.path} is not a file beside the checkpoint in ${folder}: only those are taken`;
    throw new McLossError("ERR_CHECKPOINT", text, { path });
  });
}

/** Whether it is a link out of the folder. */
function leadsAway(path: string, folder: string): boolean {
  // What is missing is told when it is opened.
  return existsSync(path) && dirname(realpathSync(path)) !== realpathSync(folder);
}

/** Of the SHA-256, in the names of copies. */
const NAMED_DIGITS = 8;

function copyWhole(from: string, to: string): void {
  if (existsSync(to)) return;
  const temporary = temporaryName(to);
  try {
    copyFileSync(from, temporary);
    renameSync(temporary, to);
  } catch {
    rmSync(temporary, { force: true });
  }
}

function changeModules(
  spec: ModelSpec,
  change: (layer: LayerOf<"torchscript">) => LayerOf<"torchscript">,
): ModelSpec {
  return {
    ...spec,
    layers: mapLayers(spec.layers, (layer) => (layer.type === "torchscript" ? change(layer) : layer)),
  };
}

const CHUNK_BYTES = 2 ** 20;

function hashFile(path: string): string {
  const hash = createHash("sha256");
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let file: number | undefined;
  try {
    file = openFileSync(path);
    for (;;) {
      const length = readSync(file, chunk);
      if (length === 0) return hash.digest("hex");
      hash.update(chunk.subarray(0, length));
    }
  } catch (cause) {
    const text = `cannot read the TorchScript module ${path}: check the path (that of a checkpoint lies beside it)`;
    throw new McLossError("ERR_CHECKPOINT", text, { path, cause });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
