import { checkPlace } from "../check-argument.js";
import { optionsOf, parseOptions } from "../schema.js";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { invalidArgument, McLossError } from "../errors.js";
import { hashFile } from "../io/hash-file.js";
import {
  stateDictShape,
  useStateFiles,
  type LoadStateDictOptions,
  type StateFiles,
} from "../io/state-file.js";
import { z } from "zod";
import type { Reporter } from "../reporter.js";
import type { StoredTensor } from "../native/binding.js";
import { reasonOf } from "../system-error.js";
import { fetchWeights } from "./fetch-weights.js";
import { findWeights, type FoundWeights, type Wanted } from "./find-weights.js";
import { compareStates, type StateEntry } from "./load-state.js";
import { checkModel, type Model } from "./model.js";
import { isBatchCounter } from "./names.js";
import { interpolatePositions, type InterpolatedPositions } from "./position-embeddings.js";
import { currentName, isWeightsName, officialWeights } from "./official-weights.js";
import type { ModelSpec } from "./spec.js";

/** What {@link loadWeights} did. */
export interface LoadedWeights {
  path: string;
  /** Names of the parameters and buffers that the file gave. */
  loaded: string[];
  /** Those that stay as they were initialised, and the shape that the file has for them, if any. */
  initialized: { name: string; shape: number[]; stored?: number[] }[];
  /** Position embeddings of images of another size, which were interpolated; absent where there are none. */
  interpolated?: InterpolatedPositions[];
  /** Names in the file alone. */
  unused: string[];
  /** Where in the file they were found, where that is not its top; see {@link LoadWeightsOptions}. */
  key?: string;
  /** What was taken off their names, where that was something. */
  prefix?: string;
}

/** Options of {@link loadWeights}. What is left out is found: the place and the prefix that fit most of the network. */
export interface LoadWeightsOptions extends LoadStateDictOptions {
  /** Told how far a download is. Default: nobody is. */
  reporter?: Reporter;
  /** Aborting loads nothing while the reading has not begun. */
  signal?: AbortSignal | undefined;
}

const schema = optionsOf<LoadWeightsOptions>({
  ...stateDictShape,
  reporter: z.custom<Reporter>().optional(),
});

/**
 * Starts a model from pre-trained weights: a torchvision `.pth` or a safetensors file. A layer whose tensors are all in
 * the file, by name and shape, is loaded; any other, such as a classifier of other classes or a widened stage, keeps its
 * initialisation, and all its names are told. A ViT's position embeddings of another input size are interpolated. Nested dicts ("state_dict") and the prefixes of wrappers ("module." of
 * DataParallel, "_orig_mod." of torch.compile) are found. Where a `.pth` file's name ends in digits of its SHA-256, as
 * resnet50-0676ba61.pth, they are compared.
 * @param path the file, or the name of torchvision's: "imagenet", which is downloaded where it is not in the cache; see
 * {@link fetchWeights}
 * @throws McLossError ERR_CHECKPOINT when the file is missing (and which official file is meant), is another one than its
 * name says, cannot be read, or has nothing for the network; ERR_ABORTED
 */
export async function loadWeights(
  model: Model,
  path: string,
  given: LoadWeightsOptions = {},
): Promise<LoadedWeights> {
  const { signal, reporter, ...wanted } = parseOptions(schema, given);
  checkModel(model);
  checkPlace("path", path);
  const named = isWeightsName(path) ? await fetchWeights(model.spec, { name: path, signal, reporter }) : path;
  return loadFile(model, named, wanted, signal);
}

async function loadFile(
  model: Model,
  path: string,
  wanted: Wanted,
  signal: AbortSignal | undefined,
): Promise<LoadedWeights> {
  await stat(path).catch((cause: unknown) => {
    throw new McLossError("ERR_CHECKPOINT", missingFile(model, path, reasonOf(cause)), { path, cause });
  });
  await checkHash(path, signal);
  return useStateFiles(path, { signal }, async (files) => {
    const { whole, ...found } = bestFit(model, files, wanted);
    if (whole.size === 0) throw nothingFits(model, found);
    await model.weights.readFrom({ ...found.state, tensors: whole }, false);
    return report(model, found, whole, await interpolatePositions(model, found.state, { signal }));
  });
}

interface Fit extends FoundWeights {
  /** The tensors of those layers that the file has whole. */
  whole: Map<string, StoredTensor>;
}

/** The way to take the file's tensors that gives the network most of them; the first of equals. */
function bestFit(model: Model, files: StateFiles, wanted: Wanted): Fit {
  const names = model.state().map(({ name }) => name);
  let best: Fit | undefined;
  for (const found of findWeights(files, names, wanted)) {
    const tensors = withCurrentNames(model.spec, found.state.tensors);
    const whole = wholeLayers(model.state(), tensors);
    const state = { ...found.state, tensors };
    if (!best || whole.size > best.whole.size) best = { ...found, state, whole };
  }
  if (best) return best;
  throw invalidArgument("prefix", `(${wanted.prefix ?? ""}) makes two names of the file one`);
}

function withCurrentNames<Stored>(
  spec: ModelSpec,
  tensors: ReadonlyMap<string, Stored>,
): ReadonlyMap<string, Stored> {
  return new Map([...tensors].map(([name, stored]) => [currentName(spec, name), stored]));
}

function missingFile({ spec }: Model, path: string, reason: string): string {
  const start = `cannot open the weights ${path}: ${reason}`;
  const official = officialWeights(spec);
  if (!official) return `${start}. Give a .pth or .safetensors file with weights of ${spec.name}`;
  const { file, size, sha256, documentation } = official;
  return (
    `${start}. torchvision's ImageNet weights for ${spec.name} are ${file} (${size} MiB, its SHA-256 begins with ` +
    `${sha256}); ${documentation} tells of them. "imagenet" in place of the path downloads it`
  );
}

// As torch.hub, which checks what it downloads by the digits in its name.
const NAMED_HASH = /-([0-9a-f]{8,64})\.pth?$/;

async function checkHash(path: string, signal: AbortSignal | undefined): Promise<void> {
  const expected = NAMED_HASH.exec(basename(path))?.[1];
  if (expected === undefined) return;
  const hash = await hashFile(path, { signal }).catch((cause: unknown) => {
    if (signal?.aborted)
      throw new McLossError("ERR_ABORTED", "loading the weights was interrupted", { cause });
    throw new McLossError("ERR_CHECKPOINT", `cannot read the weights ${path}: ${reasonOf(cause)}`, {
      path,
      cause,
    });
  });
  if (hash.startsWith(expected)) return;
  const text =
    `${path} is damaged or another file: its SHA-256 is ${hash}, and its name says that it begins with ${expected}. ` +
    "Download it again";
  throw new McLossError("ERR_CHECKPOINT", text, { path });
}

/** The stored tensors of those layers that have all theirs in the file: no layer is loaded by half. */
function wholeLayers(
  state: readonly StateEntry[],
  stored: ReadonlyMap<string, StoredTensor>,
): Map<string, StoredTensor> {
  const { missing, mismatched } = compareStates(state, stored);
  const lacking = new Set(
    [...missing, ...mismatched.map(({ name }) => name)].filter((name) => !isBatchCounter(name)).map(layerOf),
  );
  const names = state.map(({ name }) => name).filter((name) => !lacking.has(layerOf(name)));
  return new Map(
    names.flatMap((name) => {
      const tensor = stored.get(name);
      return tensor ? [[name, tensor] as const] : [];
    }),
  );
}

function layerOf(name: string): string {
  return name.slice(0, name.lastIndexOf("."));
}

function report(
  model: Model,
  { state: { file, tensors }, key, prefix }: FoundWeights,
  whole: ReadonlyMap<string, unknown>,
  interpolated: InterpolatedPositions[],
): LoadedWeights {
  const own = new Set(model.state().map(({ name }) => name));
  const loaded = [...whole.keys(), ...interpolated.map(({ name }) => name)];
  const others = model
    .state()
    .filter(({ name }) => !loaded.includes(name) && !(isBatchCounter(name) && whole.has(siblingOf(name))));
  return {
    path: file.path,
    loaded,
    ...(interpolated.length > 0 && { interpolated }),
    initialized: others.map(({ name, tensor }) => {
      const stored = tensors.get(name);
      return { name, shape: tensor.shape, stored: stored && [...stored.shape] };
    }),
    unused: [...tensors.keys()].filter((name) => !own.has(name)),
    ...(key === "" ? {} : { key }),
    ...(prefix === "" ? {} : { prefix }),
  };
}

/** What every batch normalisation that counts its batches has. */
function siblingOf(counter: string): string {
  return `${layerOf(counter)}.running_mean`;
}

function nothingFits(model: Model, { state: { file, tensors } }: FoundWeights): McLossError {
  const [ours] = model.state();
  const theirs = tensors.keys().next().value ?? "none";
  const text =
    `${file.path} has no weights that fit ${model.spec.name}: its names are such as ${theirs}, ` +
    `the network's such as ${ours?.name ?? "none"}. Give weights of the same network, or say ` +
    "where in the file they are: key (--weights-key), and what stands before their names: prefix (--weights-prefix)";
  return new McLossError("ERR_CHECKPOINT", text, { path: file.path });
}
