import { rankSeed } from "../distributed/rank-seed.js";
import type { DataLoader } from "../loader/data-loader.js";
import type { SkippedImage } from "../loader/bad-images.js";
import type { LoaderState } from "../loader/loader-state.js";
import {
  generatorStates,
  restoreGenerators,
  type Drawing,
  type GeneratorStates,
} from "../run/run-generators.js";
import { native } from "../native/binding.js";
import { Generator, manualSeed, Tensor } from "../tensor/tensor.js";
import type { DataParallel } from "./data-parallel.js";

/** What each process of a run has of its own, by rank: where it is in its part of the data, and what it draws next. */
export interface RankStates {
  loaders: LoaderState[];
  generators: GeneratorStates[];
}

/** Those of all processes, on all of them. */
export async function gatherStates(
  parallel: DataParallel,
  drawing: Drawing,
  train: DataLoader,
): Promise<RankStates> {
  const own = { loader: train.state(), generators: await generatorStates(drawing) };
  const all = await parallel.gather(own);
  return { loaders: all.map(({ loader }) => loader), generators: all.map(({ generators }) => generators) };
}

/** Where one process would be that had done the work of all. */
export function wholeLoader(loaders: readonly LoaderState[]): LoaderState {
  const [first] = loaders;
  return {
    ...(first as LoaderState),
    position: loaders.reduce((sum, { position }) => sum + position, 0),
    skipped: union(loaders.map(({ skipped }) => skipped)),
    repaired: union(loaders.map(({ repaired }) => repaired)),
  };
}

/** Where a process is that does its share of what one has begun. */
export function shareOfLoader(whole: LoaderState, rank: number, world: number): LoaderState {
  return { ...whole, position: Math.max(0, Math.ceil((whole.position - rank) / world)) };
}

function union(lists: readonly (readonly SkippedImage[])[]): SkippedImage[] {
  return [...new Map(lists.flat().map((image) => [image.index, image])).values()];
}

/** A process's place, in a run that other processes have begun. */
export interface Newcomer {
  seed: number;
  rank: number;
  epoch: number;
  batches: number;
  /** Whether each process draws masks of its own. */
  ownMasks: boolean;
}

/**
 * Lets a process draw what no other does, as of now.
 * @param first the states of rank 0, which go on
 */
export function drawAnew(drawing: Drawing, first: GeneratorStates, newcomer: Newcomer): void {
  const { seed, rank, epoch, batches, ownMasks } = newcomer;
  const own = rankSeed(seed, rank, epoch * 2 ** 20 + batches);
  manualSeed(own);
  const { masks } = drawing;
  if (!masks) return;
  if (!ownMasks) return restoreGenerators(drawing, { masks: first["masks"] as string });
  using generator = new Generator(own, drawing.model.device);
  using state = new Tensor(native().generatorState(generator.handle));
  native().restoreGenerator(masks, state.handle);
}
