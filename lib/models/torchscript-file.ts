import { createHash } from "node:crypto";
import { closeSync, existsSync, readSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { McLossError } from "../errors.js";
import { openFileSync } from "../io/open-file.js";
import { mapLayers, type TorchScript } from "./layers.js";
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

/** `spec` with every TorchScript file that is gone from its place taken from `folder`, where it is there. */
export function findModules(spec: ModelSpec, folder: string): ModelSpec {
  return changeModules(spec, (layer) => {
    const beside = join(folder, basename(layer.path));
    return !existsSync(layer.path) && existsSync(beside) ? { ...layer, path: beside } : layer;
  });
}

function changeModules(spec: ModelSpec, change: (layer: TorchScript) => TorchScript): ModelSpec {
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
    const text = `cannot read the TorchScript module ${path}: check the path (a checkpoint's module may lie beside it)`;
    throw new McLossError("ERR_CHECKPOINT", text, { path, cause });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
