import { z } from "zod";
import { parseLoaderState, type LoaderState } from "../loader/loader-state.js";
import { McLossError } from "../errors.js";
import { CheckpointFile } from "../io/checkpoint-file.js";
import { verifyChecksum } from "../io/file-checksum.js";
import { readHeader } from "../io/safetensors-header.js";
import { saveTensors } from "../io/safetensors.js";
import { safetensorsState } from "../io/state-file.js";
import { isOfNetwork, modelMetadata, TRAINING_PREFIX, withoutTraining } from "../models/checkpoint.js";
import type { Model } from "../models/model.js";
import { native, type GeneratorHandle, type StoredTensor } from "../native/binding.js";
import type { EMA } from "../optim/ema.js";
import type { GradScaler } from "../optim/grad-scaler.js";
import type { Optimizer } from "../optim/optimizer.js";
import { recordedNumber, recordJson } from "../record-json.js";
import { parse } from "../schema.js";
import { Tensor } from "../tensor/tensor.js";
import { judgedSchema, type JudgedEpoch, type NamedTensors } from "./best-checkpoint.js";
import { runGenerators, stateTensor, type Drawing, type GeneratorStates } from "./run-generators.js";

/** Where a run is. */
export interface TrainingPosition {
  /** The epoch that goes on, from 1. */
  epoch: number;
  /** Batches of it that are done. */
  batches: number;
  /** Whether no more will come, so that the epoch has only to be judged. */
  trained: boolean;
  /** Sums over them; see MetricsSum. */
  sums: Record<string, number>;
  /** Updates that they made. */
  updates: number;
  /** Steps of the epoch whose loss was not finite, and of the epochs before. */
  nonFinite: number;
  nonFiniteBefore: number;
  /** How long the epoch was trained, and how much of that it waited for data. */
  milliseconds: number;
  waited: number;
  /** The best epoch so far by the monitored figure; null before the first. */
  best: JudgedEpoch | null;
  /** The monitored figure of each epoch that has one. */
  judged: number[];
  /** Of several processes, that of one which would do the work of all. */
  loader: LoaderState;
  /** Of each process, where there are several. */
  loaders?: LoaderState[];
}

/** What changes in a run beside the weights. */
export interface TrainingParts extends Drawing {
  optimizer: Optimizer;
  scaler: GradScaler | undefined;
  ema: EMA | undefined;
  /** Of the terms that are added to the loss, by name. */
  added: Readonly<Record<string, Tensor>>;
}

const count = z.int().min(0);
const positionSchema = z.object({
  epoch: count,
  batches: count,
  trained: z.boolean(),
  sums: z.record(z.string(), recordedNumber),
  updates: count,
  nonFinite: count,
  nonFiniteBefore: count,
  milliseconds: z.number(),
  waited: z.number(),
  best: judgedSchema.nullable(),
  judged: z.array(recordedNumber),
  loader: z.unknown().transform(parseLoaderState),
  loaders: z.array(z.unknown().transform(parseLoaderState)).optional(),
  scaler: z.object({ scale: recordedNumber, growthTracker: count }).optional(),
});

/**
 * Writes what a run delivers, the averaged weights where there are any, together with all that it needs to go on exactly:
 * the weights that are trained, the optimizer's state, the gradient scaler, the generators and the place in the data.
 * loadModel() reads the file as any checkpoint.
 * @param others the generators of the processes from rank 1 on
 * @throws McLossError ERR_IO naming the path
 */
export async function saveLast(
  path: string,
  parts: TrainingParts,
  position: TrainingPosition,
  others: readonly GeneratorStates[] = [],
): Promise<void> {
  const { model, scaler, ema } = parts;
  const training = recordJson({ ...position, scaler: scaler?.state() }, "training");
  const delivered = (ema ?? model).state().map(({ name, tensor }) => [name, tensor] as const);
  const trained = ema
    ? model.state().map(({ name, tensor }) => [TRAINED_PREFIX + name, tensor] as const)
    : [];
  await withGenerators(parts, async (generators) => {
    const ranks = rankTensors(others);
    try {
      const named = [...delivered, ...trained, ...trainingTensors(parts, generators), ...ranks];
      await saveTensors(path, named, { ...modelMetadata(model, path), training });
    } finally {
      ranks.forEach(([, tensor]) => tensor.dispose());
    }
  });
}

/** All tensors that change in a run, by name. */
export function changingTensors(parts: TrainingParts): NamedTensors {
  const averages = (parts.ema?.state() ?? []).map(
    ({ name, tensor }) => [`average of ${name}`, tensor] as const,
  );
  return [
    ...parts.model.state().map(({ name, tensor }) => [name, tensor] as const),
    ...averages,
    ...slotTensors(parts),
  ];
}

/**
 * Reads what {@link saveLast} wrote into a run of the same network and options.
 * @throws McLossError ERR_CHECKPOINT when the file is missing, damaged, of another network or without a run's state
 */
export function loadLast(
  path: string,
  parts: TrainingParts,
): Promise<{ position: TrainingPosition; others: GeneratorStates[] }> {
  return CheckpointFile.use(path, async (file) => {
    const { tensors, metadata, checksum } = await readHeader(file);
    await verifyChecksum(file, checksum, { required: true });
    const { model, scaler, ema } = parts;
    if (metadata["training"] === undefined) throw cannotResume(path, "holds a model, not a run");
    if (!ofNetwork(path, metadata, model)) throw cannotResume(path, "is of another network");
    const { scaler: scale, ...position } = parsePosition(path, metadata["training"]);
    await withGenerators(parts, async (generators) => {
      const averages = (ema?.state() ?? []).map(({ name, tensor }) => [name, tensor] as const);
      const targets = [...averages, ...trainingTensors(parts, generators)];
      const stored = targets.map(([name]) => {
        const found = tensors.get(name);
        if (!found) throw cannotResume(path, `was written with other options (it has no ${name})`);
        return found;
      });
      const trained = trainedWeights(tensors);
      if (trained.size > 0 !== (ema !== undefined)) {
        throw cannotResume(path, `was written ${ema ? "without" : "with"} an average of the weights (ema)`);
      }
      const weights = ema ? trained : withoutTraining(tensors);
      await model.weights.readFrom(safetensorsState(file, weights), true);
      await file.readInto(
        stored,
        targets.map(([, tensor]) => tensor),
      );
      for (const { generator, state } of generators) native().restoreGenerator(generator, state.handle);
    });
    if (scale) scaler?.restore(scale);
    return { position, others: await readRankStates(file, tensors) };
  });
}

function ofNetwork(path: string, metadata: Readonly<Record<string, string>>, model: Model): boolean {
  try {
    return isOfNetwork(metadata, model);
  } catch (cause) {
    throw cannotResume(path, `is damaged (${(cause as Error).message})`, cause);
  }
}

/** Before the names of the weights that are trained, where those by the models' own names are their average. */
const TRAINED_PREFIX = `${TRAINING_PREFIX}weights/`;

function trainedWeights<Stored>(tensors: ReadonlyMap<string, Stored>): Map<string, Stored> {
  const trained = [...tensors].filter(([name]) => name.startsWith(TRAINED_PREFIX));
  return new Map(trained.map(([name, stored]) => [name.slice(TRAINED_PREFIX.length), stored]));
}

/** A position as {@link readPosition} reads it. */
export function writePosition(position: TrainingPosition): string {
  return recordJson(position, "training");
}

/** What {@link writePosition} wrote in another process. */
export function readPosition(text: string): TrainingPosition {
  return parse(positionSchema, JSON.parse(text));
}

function parsePosition(path: string, text: string): z.infer<typeof positionSchema> {
  try {
    return parse(positionSchema, JSON.parse(text));
  } catch (cause) {
    throw cannotResume(path, `is damaged (${(cause as Error).message})`, cause);
  }
}

/** A generator that the run draws from, with a copy of its state. */
interface GeneratorState {
  name: string;
  generator: GeneratorHandle;
  state: Tensor;
}

function copyGenerators(parts: TrainingParts): GeneratorState[] {
  return Object.entries(runGenerators(parts)).map(([name, generator]) => {
    return { name, generator, state: new Tensor(native().generatorState(generator)) };
  });
}

/** Gives `use` copies of the generators' states, which are gone afterwards. */
async function withGenerators(
  parts: TrainingParts,
  use: (generators: readonly GeneratorState[]) => Promise<void>,
): Promise<void> {
  const generators = copyGenerators(parts);
  try {
    await use(generators);
  } finally {
    generators.forEach(({ state }) => state.dispose());
  }
}

/** What is saved beside the weights, by name. */
function trainingTensors(parts: TrainingParts, generators: readonly GeneratorState[]): NamedTensors {
  const tensors = [
    ...slotTensors(parts),
    ...generators.map(({ name, state }) => [GENERATOR_PREFIX + name, state] as const),
  ];
  return tensors.map(([name, tensor]) => [TRAINING_PREFIX + name, tensor] as const);
}

function slotTensors({ optimizer, added }: TrainingParts): NamedTensors {
  const slots = optimizer.state().map(({ group, parameter, name, tensor }) => {
    return [`optimizer/${group}/${parameter}/${name}`, tensor] as const;
  });
  return [...slots, ...Object.entries(added)];
}

const GENERATOR_PREFIX = "generator/";
const RANK_PREFIX = `${TRAINING_PREFIX}${GENERATOR_PREFIX}rank-`;

/** Generators of other processes than rank 0, of which the first is rank 1. */
function rankTensors(others: readonly GeneratorStates[]): NamedTensors {
  return others.flatMap((states, index) =>
    Object.entries(states).map(
      ([name, state]) => [`${RANK_PREFIX}${index + 1}/${name}`, stateTensor(state)] as const,
    ),
  );
}

async function readRankStates(
  file: CheckpointFile,
  tensors: ReadonlyMap<string, StoredTensor>,
): Promise<GeneratorStates[]> {
  const entries = [...tensors].filter(([name]) => name.startsWith(RANK_PREFIX));
  const read = await file.readTensors(entries.map(([, stored]) => stored));
  const others: GeneratorStates[] = [];
  for (const [index, [name]] of entries.entries()) {
    const [rank = "", generator = ""] = name.slice(RANK_PREFIX.length).split("/");
    using state = read[index] as Tensor;
    const bytes = Buffer.from((await state.data()) as Uint8Array);
    others[Number(rank) - 1] = { ...others[Number(rank) - 1], [generator]: bytes.toString("base64") };
  }
  return others;
}

function cannotResume(path: string, problem: string, cause?: unknown): McLossError {
  const text = `cannot go on from ${path}: it ${problem}. Give the folder of a run with the same options`;
  return new McLossError("ERR_CHECKPOINT", text, { path, cause });
}
