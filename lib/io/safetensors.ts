import { checkInstance, checkIterable, checkRecord } from "../check-argument.js";
import { z } from "zod";
import { abortShape, optionsOf, parseOptions } from "../schema.js";
import { invalidArgument, McLossError } from "../errors.js";
import { abortable, type AbortOptions } from "../native/abortable.js";
import type { StoredTensor } from "../native/binding.js";
import { noGrad } from "../tensor/grad-mode.js";
import { keep } from "../tensor/scope.js";
import { Tensor } from "../tensor/tensor.js";
import { CheckpointFile } from "./checkpoint-file.js";
import { writeChecksum } from "./file-checksum.js";
import { named, replaceFile } from "./replace-file.js";
import { makeHeader, readHeader, type SafetensorsHeader, type TensorInfo } from "./safetensors-header.js";
import { shown } from "../shown.js";

/** Options of {@link writeSafetensors} and {@link saveStateDict}. */
export interface SaveStateDictOptions extends AbortOptions {
  /** Travels in the file's header. Default: none. */
  metadata?: Readonly<Record<string, string>>;
}

/** {@link SaveStateDictOptions} */
export const saveOptions = optionsOf<SaveStateDictOptions>({
  ...abortShape,
  metadata: z.record(z.string(), z.string("must hold strings")).readonly().optional(),
});

/** A safetensors file that is open for reading, of any size: only what is asked for is read. */
export class SafetensorsFile {
  readonly #file: CheckpointFile;
  readonly #header: SafetensorsHeader;

  /** @internal */
  constructor(file: CheckpointFile, header: SafetensorsHeader) {
    checkInstance("file", file, CheckpointFile, "what openSafetensors() opens");
    this.#file = file;
    this.#header = header;
  }

  /** Its tensors' dtypes and shapes by their names, in the order of the header. */
  get tensors(): ReadonlyMap<string, TensorInfo> {
    return this.#header.tensors;
  }

  /** The texts that its writer gave it. */
  get metadata(): Readonly<Record<string, string>> {
    return this.#header.metadata;
  }

  /**
   * One tensor, read into memory of its own on the CPU.
   * @throws McLossError ERR_ARGUMENT for a name that it has not; ERR_CHECKPOINT when the file was cut short since it was
   * opened; ERR_DISPOSED after close()
   */
  async read(name: string, options: AbortOptions = {}): Promise<Tensor> {
    if (this.#file.closed) throw new McLossError("ERR_DISPOSED", `${this.#file.path} was closed`);
    const stored = this.#header.tensors.get(name);
    if (!stored) throw invalidArgument("name", `must be a tensor of ${this.#file.path}, got ${shown(name)}`);
    const [tensor] = await this.#file.readTensors([stored], options);
    return tensor as Tensor;
  }

  /** Gives the file back to the system. May be called again; reads that have begun go on. */
  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Calls close(): for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Opens a safetensors file and reads its header, which is checked whole: names, dtypes, shapes, and that the tensors fill
 * the file without overlaps and holes. Close it after use, or declare it with `await using`.
 *
 * Format: https://github.com/huggingface/safetensors; in Python, `safetensors.safe_open`.
 * @throws McLossError ERR_CHECKPOINT when the file is missing, truncated or not safetensors
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  checkPath(path);
  const file = await CheckpointFile.open(path);
  try {
    return new SafetensorsFile(file, await readHeader(file));
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * Writes a safetensors file tensor by tensor, so that it may be larger than memory. The format has the shapes before the
 * elements, hence `layout`; it may be that of another file, `(await openSafetensors(path)).tensors`.
 *
 * Each tensor is written when it comes, in any order and from any device; a generator may free it when it is asked for
 * the next. The file is replaced as a whole: until the last tensor is on the disk, `path` holds what it held before. At the
 * end it is read once, for the checksum that loadStateDict() compares.
 * @param layout dtypes and shapes by name
 * @param tensors each name of the layout once, with its tensor
 * @throws McLossError ERR_IO naming the path; ERR_ARGUMENT, ERR_SHAPE or ERR_DTYPE for a tensor that is missing or not as
 * the layout says; what `tensors` throws
 */
export async function writeSafetensors(
  path: string,
  layout: Readonly<Record<string, TensorInfo>> | ReadonlyMap<string, TensorInfo>,
  tensors: Iterable<readonly [string, Tensor]> | AsyncIterable<readonly [string, Tensor]>,
  options: SaveStateDictOptions = {},
): Promise<void> {
  const { metadata = {}, signal } = parseOptions(saveOptions, options);
  checkRecord("layout", layout, "dtypes and shapes by name");
  checkIterable("tensors", tensors, "names with tensors");
  const infos = layout instanceof Map ? [...layout] : Object.entries(layout);
  await writeFile(path, infos as [string, TensorInfo][], { metadata, signal }, async (write) => {
    const missing = new Set(infos.map(([name]) => name as string));
    for await (const entry of tensors) {
      if (!Array.isArray(entry)) throw invalidArgument("tensors", "must give names with their tensors");
      const [name, tensor] = entry as readonly [string, Tensor];
      if (!missing.delete(name))
        throw invalidArgument("tensors", `has ${name} twice, or the layout has it not`);
      await write([[name, tensor]]);
    }
    const [first] = missing;
    if (first !== undefined) throw invalidArgument("tensors", `must have ${first}, as the layout has`);
  });
}

/** Writes tensors that are all there at once: those of one moment, whatever is asked of them, dispose() too, after this call. */
export async function saveTensors(
  path: string,
  tensors: readonly (readonly [string, Tensor])[],
  metadata: Readonly<Record<string, string>>,
  { signal }: AbortOptions = {},
): Promise<void> {
  const infos = tensors.map(([name, tensor]): [string, TensorInfo] => {
    const { dtype, shape } = checkTensor(name, tensor);
    return [name, { dtype, shape }];
  });
  const held = tensors.map(([name, tensor]) => [name, keep(noGrad(() => tensor.detach()))] as const);
  try {
    await writeFile(path, infos, { metadata, signal }, (write) => write(held));
  } finally {
    for (const [, tensor] of held) tensor.dispose();
  }
}

type Write = (tensors: readonly (readonly [string, Tensor])[]) => Promise<void>;

async function writeFile(
  path: string,
  infos: readonly (readonly [string, TensorInfo])[],
  { metadata = {}, signal }: SaveStateDictOptions,
  fill: (write: Write) => Promise<void>,
): Promise<void> {
  checkPath(path);
  for (const [name, text] of Object.entries(metadata)) {
    if (typeof text !== "string") throw invalidArgument("metadata", `must hold strings, ${name} is not one`);
  }
  const header = makeHeader(infos, metadata);
  await replaceFile(path, header.bytes, async (descriptor) => {
    await fill(async (tensors) => {
      const stored = tensors.map(([name, tensor]) => placeOf(name, tensor, header.tensors));
      const handles = tensors.map(([, { handle }]) => handle);
      const written = abortable(signal, `writing ${path}`, (binding) =>
        binding.writeTensors(descriptor, path, stored, handles),
      );
      await named(path, written);
    });
    await named(path, writeChecksum(path, descriptor, { signal }));
  });
}

function checkTensor(name: string, tensor: unknown): Tensor {
  if (tensor instanceof Tensor) return tensor;
  throw invalidArgument("tensors", `must hold tensors, ${name} is not one`);
}

/** Where the layout has a tensor, which must be as it says. */
function placeOf(name: string, tensor: Tensor, layout: ReadonlyMap<string, StoredTensor>): StoredTensor {
  const info = layout.get(name) as StoredTensor;
  const { dtype, shape } = checkTensor(name, tensor);
  if (dtype !== info.dtype) throw unlike("ERR_DTYPE", name, dtype, info.dtype);
  if (shape.join() !== info.shape.join())
    throw unlike("ERR_SHAPE", name, `[${shape.join(", ")}]`, `[${info.shape.join(", ")}]`);
  return info;
}

function unlike(code: "ERR_DTYPE" | "ERR_SHAPE", name: string, got: string, expected: string): McLossError {
  return new McLossError(code, `the tensor ${name} is ${got}, and the layout has ${expected}`, {
    argument: "tensors",
  });
}

/** @throws McLossError ERR_ARGUMENT */
export function checkPath(path: unknown): void {
  if (typeof path !== "string" || path === "") throw invalidArgument("path", "must be the path of a file");
}
