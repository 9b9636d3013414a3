import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { detectKind } from "../data/open-dataset.js";
import type { ListDataset } from "../data/dataset.js";
import type { DataSource, DataVersion } from "../data/data-version.js";
import { takeFold, type Fold } from "../data/folds.js";
import { absolutePlace } from "../data/shards/places.js";
import { openTrainingSets, type TrainingSets } from "../data/training-sets.js";
import { fromFirst } from "../distributed/exchange.js";
import type { ProcessGroup } from "../distributed/process-group.js";
import { McLossError } from "../errors.js";
import { givenLimits } from "../image/limits.js";
import type { TransformSpec } from "../image/transforms.js";
import { describeCacheCost } from "../loader/cache-kind.js";
import { DataLoader } from "../loader/data-loader.js";
import { samplers } from "../loader/samplers.js";
import { loadWeights, type LoadedWeights } from "../models/load-weights.js";
import type { ModelInfo } from "../models/info.js";
import { Model } from "../models/model.js";
import { isWeightsName } from "../models/official-weights.js";
import type { ModelSpec } from "../models/spec.js";
import { runFiles } from "../run/run-files.js";
import { requireNoRun } from "../run/run-folder.js";
import { findRunImages, requireSameImages, type RunImages } from "../run/run-images.js";
import type { Reporter } from "../reporter.js";
import { chooseDevice } from "../tensor/cuda.js";
import type { Device } from "../native/dtype.js";
import type { Run } from "../train/run.js";
import type { TrainerOptions } from "../train/trainer-options.js";
import { Trainer } from "../train/trainer.js";
import { changeRecipe } from "./change.js";
import {
  completeRecipe,
  knownNormalization,
  normalizationNote,
  normalizationOf,
  wantedWeights,
  weightsInputNote,
  withWeightsInput,
  type Transforms,
} from "./complete-recipe.js";
import { networkSpec } from "./network.js";
import type { Recipe } from "./recipe.js";
import { samplerOfRecipe } from "./recipe-sampler.js";
import { requireResumable, settingsOf } from "./settings.js";
import { shareOfBatch } from "./share-of-batch.js";
import type { StartedRun } from "./started-run.js";
import { judgeByTraining } from "./test-part.js";
import { trainerOptionsOf } from "./trainer-keys.js";

/** What a recipe is trained on. */
export interface RecipeData {
  /** A folder of images by class, a published data set, a manifest or shards; see {@link openDataset}. */
  dir: string;
  /** Held-out images of the same classes. Default: the data set's own val or test part, if it has one. */
  validation?: string;
  /** Takes a published set whose counts are not the published ones. Default false. */
  allowPartial?: boolean;
  /** Takes class folders that have no images. Default false. */
  allowEmpty?: boolean;
  /** Holds out a part of the images that would be trained on, and no others. Default: as said of `validation`. */
  fold?: Fold;
}

/** Options of trainRecipe(). */
export interface TrainRecipeOptions extends RecipeData {
  /** The run's folder: run.json, metrics.jsonl and checkpoints. Default: nothing is written. */
  output?: string;
  /** Whether a run that `output` holds already is deleted when training begins. Default false: that is an error. */
  overwrite?: boolean;
  /** Where it is trained. Default "auto": the first GPU, or the CPU where there is none. */
  device?: Device | "auto";
  /** Told how far a download of weights is. Default: nobody is. */
  reporter?: Reporter;
  /** Stops after the running step, writes the last checkpoint, and throws ERR_ABORTED. */
  signal?: AbortSignal;
  /**
   * The processes that train together: the recipe's batches are of all of them, each takes its part. The run's folder is
   * read and written by rank 0 alone. Default: this process alone.
   */
  group?: ProcessGroup;
}

/** A training that is ready to begin. */
export interface RecipeTraining {
  /** In full, as `run.json` gets it: with the transforms and the schedule that its names stand for. */
  recipe: Recipe;
  model: Model;
  images: ListDataset;
  /** Absent where nothing is held out. */
  heldOut?: ListDataset;
  train: DataLoader;
  validation?: DataLoader;
  trainer: Trainer;
  /** For people: what of the data was taken for what, and what was passed over. */
  notes: readonly string[];
  /** Whether this process writes the run and tells of it, as the only one or as rank 0. */
  isFirst: boolean;
  /** What the recipe's weights gave; absent without any, and in a run that goes on. */
  weights?: LoadedWeights;
  /** Trains; what {@link Trainer.fit} gives. */
  fit(): Run;
  /** Frees the model and the trainer. May be called again. */
  dispose(): void;
  /** Calls dispose(): for `using`. */
  [Symbol.dispose](): void;
}

/**
 * Opens the data, builds the network and loads its weights.
 * @param started what `run.json` says, in a run that goes on
 * @param options.isAsked whether the recipe is what was asked for, and must be that of the run, rather than taken from it
 */
export async function prepareTraining(
  asked: Recipe,
  { signal, output, overwrite, device: wanted, reporter, group, ...data }: TrainRecipeOptions,
  started?: StartedRun["about"],
  { isAsked = false } = {},
): Promise<RecipeTraining> {
  const given = withWeightsInput(asked);
  const resume = started !== undefined;
  const isFirst = (group?.rank ?? 0) === 0;
  const { began } = await onFirst(group, () => {
    // The trainer looks too; here nobody has waited for the data and the weights yet.
    if (output !== undefined && !resume && !overwrite) requireNoRun(output);
    return { began: resume && output !== undefined && existsSync(runFiles(output).last) };
  });
  const device = chooseDevice("device", wanted);
  const sets = await openSets(given, data, { reporter, signal });
  const { images } = sets;
  const runImages = await findRunImages(sets, signal);
  if (started) await requireSameImages(data, sets, started.images, runImages);
  const spec = networkSpec(given, images.classes.length);
  const inputNote = resume ? undefined : weightsInputNote(given, spec);
  const known = await knownNormalization(given);
  const { recipe: completed, transforms } = completeRecipe(given, spec, known?.normalization);
  if (started && isAsked) requireResumable(output ?? "", started.recipe, absoluteWeights(completed));
  if (group) await requireSameTraining(group, completed, images, runImages);
  const loaders = openLoaders(completed, sets, transforms, { device, group });
  const cost = await loaders.train.cacheCost();
  const judged = judgeByTraining(completed, sets);
  const { model, weights } = await openModel(completed, spec, modelInfo(images.classes, transforms.test), {
    load: !began,
    device,
    signal,
    reporter,
  });
  const trainerOptions: TrainerOptions = {
    ...trainerOptionsOf(completed),
    monitor: judged?.monitor ?? completed.monitor,
    group,
    // One process has whole batches anyway.
    syncBatchNorm: group && completed.syncBatchNorm,
    gradientCompression: group && completed.gradientCompression,
  };
  const rate = completed.findRate
    ? (started?.recipe.optimizer.learningRate ??
      (await suggestRate(model, trainerOptions, loaders.train, signal)))
    : undefined;
  const recipe =
    rate === undefined ? completed : changeRecipe(completed, { optimizer: { learningRate: rate } });
  const trainer = new Trainer(model, {
    ...trainerOptions,
    optimizer: recipe.optimizer,
    output,
    overwrite,
    about: {
      ...started,
      command: "train",
      recipe: absoluteWeights(recipe),
      data: absolute(data),
      images: runImages,
      device,
      distributed: group && { processes: group.worldSize, backend: group.backend },
      weights,
    },
  });
  const dispose = () => {
    trainer.dispose();
    model.dispose();
  };
  return {
    recipe,
    model,
    images,
    heldOut: sets.heldOut,
    ...loaders,
    trainer,
    isFirst,
    notes: [
      ...sets.notes,
      ...(judged && !data.fold ? [judged.note] : []),
      ...(known ? [normalizationNote(completed, known)] : []),
      ...(inputNote === undefined ? [] : [inputNote]),
      ...(cost ? [describeCacheCost(cost)] : []),
      ...(rate === undefined ? [] : [`the learning rate is ${rate}, as the range test suggests`]),
    ],
    ...(weights ? { weights } : {}),
    dispose,
    [Symbol.dispose]: dispose,
    fit: () => {
      const { train, validation } = loaders;
      return trainer.fit(train, { validation, resume, channelHealth: recipe.channelHealth, signal });
    },
  };
}

/** To two digits: more of them say nothing. */
async function suggestRate(
  model: Model,
  options: TrainerOptions,
  train: DataLoader,
  signal: AbortSignal | undefined,
): Promise<number> {
  using trainer = new Trainer(model, options);
  const { suggestion } = await trainer.findRate(train, { signal });
  return Number(suggestion.toPrecision(2));
}

/** As rank 0 finds it, whose disk has the run. */
async function onFirst<T>(group: ProcessGroup | undefined, look: () => T): Promise<T> {
  return group ? fromFirst(group, () => Promise.resolve().then(look)) : look();
}

/** @throws McLossError ERR_DISTRIBUTED where the processes would train something else each */
async function requireSameTraining(
  group: ProcessGroup,
  recipe: Recipe,
  { classes }: ListDataset,
  { train, validation }: RunImages,
): Promise<void> {
  // Files may be elsewhere on each machine; what is in them comes from rank 0.
  await group.agree("recipe", { ...settingsOf(recipe), weights: recipe.weights !== undefined });
  const versionOf = ({ count, sha256, contents }: DataVersion) => ({ count, names: sha256, contents });
  const heldOut = validation && versionOf(validation);
  await group.agree("data set", { classes, training: versionOf(train), "held-out": heldOut ?? "none" });
}

function openLoaders(
  { batchSize, onBadImage, cache, seed, dropLast, dataset, ...recipe }: Recipe,
  { images, heldOut, source }: TrainingSets,
  transforms: Transforms,
  { device, group }: { device: Device; group: ProcessGroup | undefined },
): Pick<RecipeTraining, "train" | "validation"> {
  const shared = { ...givenLimits(recipe), onBadImage, cache, seed, device, dtype: recipe.precision };
  const { rank, worldSize } = group ?? { rank: 0, worldSize: 1 };
  const leaveRest = dropLast && images.length > batchSize;
  const whole = recipe.sampler ? samplerOfRecipe(recipe.sampler) : trainingOrder(dataset, source, worldSize);
  const sampler =
    worldSize > 1 ? samplers.distributed(rank, worldSize, { sampler: whole, dropLast: leaveRest }) : whole;
  const train = new DataLoader(images, {
    ...shared,
    sampler,
    batchSize: shareOfBatch({ batchSize }, worldSize),
    dropLast: leaveRest,
    transforms: transforms.train,
  });
  if (!heldOut) return { train };
  const part = worldSize > 1 ? { sampler: samplers.shard(rank, worldSize) } : {};
  return {
    train,
    validation: new DataLoader(heldOut, { ...shared, ...part, batchSize, transforms: transforms.test }),
  };
}

/** What is read much faster as it lies is shuffled nearly as it lies. */
function trainingOrder(
  { shuffleBuffer: buffer }: Recipe["dataset"],
  { inOrder }: DataSource,
  streams: number,
) {
  return inOrder || buffer !== undefined ? samplers.shuffleBuffer({ buffer, streams }) : samplers.shuffle();
}

/** The network with the weights that the recipe starts from. @param options.load whether they are loaded */
async function openModel(
  recipe: Recipe,
  spec: ModelSpec,
  info: ModelInfo,
  {
    load,
    device,
    ...asking
  }: { load: boolean; device: Device } & Pick<TrainRecipeOptions, "signal" | "reporter">,
): Promise<{ model: Model; weights?: LoadedWeights }> {
  const model = await Model.create(spec, { seed: recipe.seed, info });
  try {
    if (recipe.weights === undefined || !load) return { model: await model.to(device) };
    const weights = await loadWeights(model, recipe.weights, { ...wantedWeights(recipe), ...asking });
    return { model: await model.to(device), weights };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

async function openSets(
  { dataset: { shuffleBuffer, ...dataset }, name }: Recipe,
  { fold, ...data }: RecipeData,
  telling: Pick<TrainRecipeOptions, "reporter" | "signal">,
): Promise<TrainingSets> {
  try {
    const sets = await openTrainingSets({ ...dataset, ...data, ...telling });
    return fold ? takeFold(sets, fold) : sets;
  } catch (error) {
    const { kind } = dataset;
    if (!(error instanceof McLossError) || kind === undefined) throw error;
    const found = await detectKind(data.dir);
    if (found === kind) throw error;
    const advice = `To train on it with the settings of ${name}, set dataset.kind to ${found}`;
    throw new McLossError(error.code, `${error.message}. ${advice}`, { path: error.path, cause: error });
  }
}

function modelInfo(classNames: readonly string[], transforms: readonly TransformSpec[]): ModelInfo {
  return { classNames, transforms, normalization: normalizationOf(transforms) };
}

/** As they are recorded, since a run may go on in another folder. */
function absolute({ validation, ...data }: RecipeData): RecipeData {
  return {
    ...data,
    dir: absolutePlace(data.dir),
    validation: validation === undefined ? undefined : absolutePlace(validation),
  };
}

function absoluteWeights(recipe: Recipe): Recipe {
  const { weights } = recipe;
  return weights === undefined || isWeightsName(weights) ? recipe : { ...recipe, weights: resolve(weights) };
}
