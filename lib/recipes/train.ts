import { z } from "zod";
import type { ListDataset } from "../data/dataset.js";
import { DataLoader } from "../data/loader.js";
import { detectKind } from "../data/open-dataset.js";
import { buildPipeline } from "../data/pipeline.js";
import { augmentation, evaluationTransforms } from "../data/presets.js";
import { normalize, type TransformSpec } from "../data/transforms.js";
import { openTrainingSets, type TrainingSets } from "../data/usual-splits.js";
import { invalidArgument, McLossError } from "../errors.js";
import { readRunInfo, runFiles } from "../io/run-files.js";
import { loadWeights, type LoadedWeights } from "../models/load-weights.js";
import { Model, type ModelInfo } from "../models/model.js";
import { weightsNormalization, type WeightsNormalization } from "../models/weights-normalization.js";
import type { ModelSpec } from "../models/spec.js";
import { defaultSchedule } from "../optim/schedule.js";
import { parse } from "../schema.js";
import { chooseDevice } from "../tensor/cuda.js";
import type { Device } from "../tensor/dtype.js";
import { manualSeed } from "../tensor/tensor.js";
import type { TrainingEvent } from "../train/events.js";
import { requireNoRun } from "../train/run-folder.js";
import { Trainer } from "../train/trainer.js";
import { lossOptions } from "./loss.js";
import { networkSpec } from "./network.js";
import type { Recipe } from "./recipe.js";
import { findRunImages, requireSameImages, runImagesSchema, type RunImages } from "./run-images.js";
import { checkRecipe } from "./schema.js";

/** What a recipe is trained on. */
export interface RecipeData {
  /** A folder of images by class, a published data set or a manifest; see {@link openDataset}. */
  dir: string;
  /** Held-out images of the same classes. Default: the data set's own val or test part, if it has one. */
  validation?: string;
  /** Takes a published set whose counts are not the published ones. Default false. */
  allowPartial?: boolean;
  /** Takes class folders that have no images. Default false. */
  allowEmpty?: boolean;
}

/** Options of {@link trainRecipe}. */
export interface TrainRecipeOptions extends RecipeData {
  /** The run's folder; see {@link RunFolder}. Default: nothing is written. */
  output?: string;
  /** Whether a run that `output` holds already is deleted when training begins. Default false: that is an error. */
  overwrite?: boolean;
  /** Where it is trained. Default "auto": the first GPU, or the CPU where there is none. */
  device?: Device | "auto";
  /** Stops after the running step, writes the last checkpoint, and throws ERR_ABORTED. */
  signal?: AbortSignal;
}

/** A training that is ready to begin. */
export interface RecipeTraining {
  /** In full, as `run.json` gets it: with the transforms and the schedule that its names stand for. */
  recipe: Recipe;
  model: Model;
  images: ListDataset;
  train: DataLoader;
  validation?: DataLoader;
  trainer: Trainer;
  /** For people: what of the data was taken for what, and what was passed over. */
  notes: readonly string[];
  /** What the recipe's weights gave; absent without any, and in a run that goes on. */
  weights?: LoadedWeights;
  /** Trains; what {@link Trainer.fit} yields. */
  fit(): AsyncGenerator<TrainingEvent, void, void>;
}

/**
 * Trains a recipe, yielding what happens: all that `mcloss train` does. `trainRecipe(await loadRecipe("cub200-resnet50"),
 * { dir: "data/CUB_200_2011", output: "runs/birds" })`; {@link changeRecipe} changes a recipe.
 * @returns what was trained
 * @throws McLossError what {@link prepareRecipe} and {@link Trainer.fit} throw
 */
export async function* trainRecipe(
  recipe: Recipe,
  options: TrainRecipeOptions,
): AsyncGenerator<TrainingEvent, RecipeTraining, void> {
  const training = await prepareRecipe(recipe, options);
  yield* training.fit();
  return training;
}

/**
 * Opens the data, builds the network and loads its weights.
 * @throws McLossError ERR_ARGUMENT or ERR_SHAPE naming the part of the recipe that does not fit, ERR_DATASET,
 * ERR_CHECKPOINT for the weights, ERR_IO when `output` holds a run
 */
export function prepareRecipe(recipe: Recipe, options: TrainRecipeOptions): Promise<RecipeTraining> {
  return prepare(checkRecipe(recipe), options);
}

/**
 * As {@link prepareRecipe}, for the run in `output`, with the recipe and the data that it was started with: it goes on
 * exactly where it was.
 * @throws McLossError ERR_IO when there is no run of a recipe in `output`; ERR_DATASET when its training images are others
 * by now
 */
export async function prepareResume(
  output: string,
  options: Pick<TrainRecipeOptions, "signal" | "device"> = {},
): Promise<RecipeTraining> {
  const { recipe, data, images } = await readRun(output);
  return prepare(recipe, { ...data, ...options, output }, images);
}

const runSchema = z.object({
  about: z.object({
    recipe: z.unknown().transform(checkRecipe),
    data: z.object({
      dir: z.string(),
      validation: z.string().optional(),
      allowPartial: z.boolean().optional(),
      allowEmpty: z.boolean().optional(),
    }),
    images: runImagesSchema,
  }),
});

interface StartedRun {
  recipe: Recipe;
  data: RecipeData;
  images: RunImages;
}

async function readRun(output: string): Promise<StartedRun> {
  try {
    const { about } = parse(runSchema, await readRunInfo(output));
    return about as StartedRun;
  } catch (cause) {
    const { info: path } = runFiles(output);
    const text = `cannot go on from ${output}: ${path} is missing or damaged. Give the folder of a run of mcloss train`;
    throw new McLossError("ERR_IO", text, { path, cause });
  }
}

async function prepare(
  given: Recipe,
  { signal, output, overwrite, device: wanted, ...data }: TrainRecipeOptions,
  began?: StartedRun["images"],
): Promise<RecipeTraining> {
  const resume = began !== undefined;
  // The trainer looks too; here nobody has waited for the data and the weights yet.
  if (output !== undefined && !resume && !overwrite) requireNoRun(output);
  const device = chooseDevice("device", wanted);
  const sets = await openSets(given, data);
  const { images, heldOut } = sets;
  const runImages = await findRunImages(sets, signal);
  if (began) await requireSameImages(data, sets, began, runImages);
  const spec = networkSpec(given, images.classes.length);
  const known = resume ? undefined : await knownNormalization(given);
  const { recipe, transforms } = completeRecipe(given, spec, known?.normalization);
  const info = modelInfo(images.classes, transforms.test);
  const model = await Model.create(spec, { seed: recipe.seed, info });
  const weights =
    recipe.weights === undefined || resume
      ? undefined
      : await loadWeights(model, recipe.weights, { ...wantedWeights(recipe), signal });
  await model.to(device);
  const { batchSize, onBadImage, seed } = recipe;
  const shared = { batchSize, onBadImage, seed, device };
  const train = new DataLoader(images, {
    ...shared,
    shuffle: true,
    dropLast: recipe.dropLast && images.length > batchSize,
    transforms: transforms.train,
  });
  const validation = heldOut && new DataLoader(heldOut, { ...shared, transforms: transforms.test });
  const trainer = new Trainer(model, {
    ...trainerOptions(recipe),
    ...(output === undefined ? {} : { output }),
    ...(overwrite === undefined ? {} : { overwrite }),
    about: { command: "train", recipe, data, images: runImages, device, ...(weights ? { weights } : {}) },
  });
  const validated = validation ? { validation } : {};
  return {
    recipe,
    model,
    images,
    train,
    ...validated,
    trainer,
    notes: known ? [...sets.notes, normalizationNote(recipe, known)] : sets.notes,
    ...(weights ? { weights } : {}),
    fit: () => {
      const { channelHealth } = recipe;
      const health = channelHealth === undefined ? {} : { channelHealth };
      // What resumes takes the generators' states from its checkpoint.
      if (!resume) manualSeed(seed);
      return trainer.fit(train, { ...validated, resume, ...health, ...(signal ? { signal } : {}) });
    },
  };
}

async function openSets(recipe: Recipe, data: RecipeData): Promise<TrainingSets> {
  try {
    return await openTrainingSets({ ...recipe.dataset, ...data });
  } catch (error) {
    const { kind } = recipe.dataset;
    if (!(error instanceof McLossError) || kind === undefined) throw error;
    const found = await detectKind(data.dir);
    if (found === kind) throw error;
    const advice = `To train on it with the settings of ${recipe.name}, set dataset.kind to ${found}`;
    const about = error.path === undefined ? {} : { path: error.path };
    throw new McLossError(error.code, `${error.message}. ${advice}`, { ...about, cause: error });
  }
}

interface Transforms {
  train: readonly TransformSpec[];
  test: readonly TransformSpec[];
}

/** Which of its file's tensors the recipe starts from. */
function wantedWeights({ weightsKey: key, weightsPrefix: prefix }: Recipe) {
  return { ...(key === undefined ? {} : { key }), ...(prefix === undefined ? {} : { prefix }) };
}

/** What the weights that a recipe starts from say of their images, where the recipe itself does not. */
async function knownNormalization(recipe: Recipe): Promise<WeightsNormalization | undefined> {
  if (recipe.weights === undefined || writtenTransforms(recipe)) return undefined;
  // What is wrong with the file is told when it is loaded.
  return weightsNormalization(recipe.weights, wantedWeights(recipe)).catch(() => undefined);
}

function normalizationNote(
  { weights = "" }: Recipe,
  { normalization, reason }: WeightsNormalization,
): string {
  const { mean, std } = normalization;
  return `images are normalised as those of ${weights} were (${reason}): mean ${mean.join(", ")}, std ${std.join(", ")}`;
}

/** The transforms that a recipe writes out, whose normalisation goes for the others too. */
function writtenTransforms({ transforms: { train, test } }: Recipe): readonly TransformSpec[] | undefined {
  return [test, train].find((each) => typeof each !== "string");
}

/**
 * The recipe with what its short forms stand for on this network.
 * @param known the weights' normalisation, for transforms that the recipe does not write out
 */
function completeRecipe(
  recipe: Recipe,
  spec: ModelSpec,
  known: ModelInfo["normalization"],
): { recipe: Recipe; transforms: Transforms } {
  const { train, test } = recipe.transforms;
  const written = writtenTransforms(recipe);
  const normalization = written ? normalizationOf(written) : (known ?? normalizationOf([]));
  const images = { spec, info: { normalization } };
  const transforms = {
    train: typeof train === "string" ? augmentation(images, train) : train,
    test: typeof test === "string" ? evaluationTransforms(images) : test,
  };
  checkInput("train", transforms.train, spec);
  checkInput("test", transforms.test, spec);
  const { epochs, schedule = defaultSchedule(epochs) } = recipe;
  return { recipe: { ...recipe, transforms, schedule }, transforms };
}

function checkInput(
  name: keyof Transforms,
  transforms: readonly TransformSpec[],
  { input }: ModelSpec,
): void {
  const { height, width } = buildPipeline(transforms).input;
  if (height === input.height && width === input.width) return;
  const sizes = `${height} × ${width} images, but the network takes ${input.height} × ${input.width}`;
  throw invalidArgument(`transforms.${name}`, `make ${sizes}: change them, or network.inputSize`);
}

function normalizationOf(transforms: readonly TransformSpec[]): NonNullable<ModelInfo["normalization"]> {
  const { mean, std } = transforms.find((step) => step.type === "normalize") ?? normalize();
  return { mean, std };
}

function modelInfo(classNames: readonly string[], transforms: readonly TransformSpec[]): ModelInfo {
  return { classNames, transforms, normalization: normalizationOf(transforms) };
}

function trainerOptions(recipe: Recipe) {
  const { epochs, optimizer, schedule, precision, accumulate, onNan, seed } = recipe;
  const { tf32, clipNorm, clipValue, ema, unfreeze, cudaGraph } = recipe;
  return {
    epochs,
    loss: lossOptions(recipe.loss),
    optimizer,
    ...(schedule ? { schedule } : {}),
    precision,
    accumulate,
    onNan,
    seed,
    ...(tf32 === undefined ? {} : { tf32 }),
    ...(clipNorm === undefined ? {} : { clipNorm }),
    ...(clipValue === undefined ? {} : { clipValue }),
    ...(ema === undefined ? {} : { ema }),
    ...(unfreeze ? { unfreeze } : {}),
    ...(cudaGraph === undefined ? {} : { cudaGraph }),
  };
}
