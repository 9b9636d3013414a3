import { checkPlace } from "../check-argument.js";
import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { abortShape, flag, must, optionsOf, parseOptions, text, type Shape } from "../schema.js";
import { deviceSchema } from "../native/dtype.js";
import { z } from "zod";
import type { ListDataset } from "../data/dataset.js";
import { DataLoader } from "../loader/data-loader.js";
import { detectKind } from "../data/open-dataset.js";
import { buildPipeline } from "../image/pipeline.js";
import { augmentation, evaluationTransforms } from "../image/presets.js";
import { normalize, type TransformSpec } from "../image/transforms.js";
import { openTrainingSets, type TrainingSets } from "../data/training-sets.js";
import { invalidArgument, McLossError } from "../errors.js";
import { readRunInfo, runFiles } from "../io/run-files.js";
import { loadWeights, type LoadedWeights } from "../models/load-weights.js";
import type { ModelInfo } from "../models/info.js";
import { Model } from "../models/model.js";
import { weightsNormalization, type WeightsNormalization } from "../models/weights-normalization.js";
import type { ModelSpec } from "../models/spec.js";
import { defaultSchedule } from "../optim/schedule.js";
import { flatten } from "../plain-data.js";
import { parse } from "../schema.js";
import { chooseDevice } from "../tensor/cuda.js";
import type { Device } from "../native/dtype.js";
import { manualSeed } from "../tensor/tensor.js";
import type { TrainingEvent } from "../train/events.js";
import { requireNoRun } from "../train/run-folder.js";
import type { Run } from "../train/run.js";
import { Trainer } from "../train/trainer.js";
import { changeRecipe, NOT_SETTINGS } from "./change.js";
import { networkSpec } from "./network.js";
import type { Patch } from "./patch.js";
import type { Recipe } from "./recipe.js";
import { findRunImages, requireSameImages, runImagesSchema, type RunImages } from "./run-images.js";
import { checkRecipe } from "./schema.js";
import { judgeByTraining } from "./test-part.js";

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

const schemaShape = {
  ...abortShape,
  dir: text,
  validation: text.optional(),
  allowPartial: flag.optional(),
  allowEmpty: flag.optional(),
  output: text.optional(),
  overwrite: flag.optional(),
  device: z.union([z.literal("auto"), deviceSchema], must('"auto", "cpu", "cuda" or "cuda:N"')).optional(),
} satisfies Shape<TrainRecipeOptions>;
const schema = optionsOf<TrainRecipeOptions>(schemaShape);

const resumeSchema = optionsOf<PrepareResumeOptions>({
  ...abortShape,
  device: schemaShape.device,
  dir: schemaShape.dir.optional(),
  validation: schemaShape.validation,
  change: z.record(z.string(), z.unknown()).readonly().optional(),
});

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
  /** Trains; what {@link Trainer.fit} gives. */
  fit(): Run;
  /** Frees the model and the trainer. May be called again. */
  dispose(): void;
  /** Calls dispose(): for `using`. */
  [Symbol.dispose](): void;
}

/** Options of {@link prepareResume}. */
export interface PrepareResumeOptions extends Pick<TrainRecipeOptions, "signal" | "device"> {
  /** Where the images are now. Default: where they were or, where that is gone, where they are from the run's folder. */
  dir?: string;
  /** Where the held-out images are now, in a run that was given them. */
  validation?: string;
  /** Other values of the recipe's keys, as of {@link changeRecipe}; of {@link RESUMABLE_KEYS} alone. */
  change?: Patch;
}

/** The keys of a recipe that a run may go on with other values of. */
export const RESUMABLE_KEYS: readonly string[] = [
  "epochs",
  "schedule",
  "optimizer.learningRate",
  "clipNorm",
  "clipValue",
  "onNan",
  "onBadImage",
  "channelHealth",
  "tf32",
  "cudaGraph",
];

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
  try {
    yield* training.fit();
    return training;
  } catch (error) {
    training.dispose();
    throw error;
  }
}

/**
 * Opens the data, builds the network and loads its weights.
 * @throws McLossError ERR_ARGUMENT or ERR_SHAPE naming the part of the recipe that does not fit, ERR_DATASET,
 * ERR_CHECKPOINT for the weights, ERR_IO when `output` holds a run
 */
export async function prepareRecipe(recipe: Recipe, options: TrainRecipeOptions): Promise<RecipeTraining> {
  return prepare(checkRecipe(recipe), parseOptions(schema, options));
}

/**
 * As {@link prepareRecipe}, for the run in `output`, with the recipe and the data that it was started with: it goes on
 * exactly where it was. A run that ended before its first checkpoint begins anew.
 * @throws McLossError ERR_IO when there is no run of a recipe in `output`; ERR_DATASET when its images are others by now, or
 * not where they were; ERR_ARGUMENT naming a key that may not change
 */
export async function prepareResume(
  output: string,
  given: PrepareResumeOptions = {},
): Promise<RecipeTraining> {
  checkPlace("output", output);
  const { dir, validation, change, ...options } = parseOptions(resumeSchema, given);
  const { folder, about } = await readStartedRun(output);
  const changed = change ? changeRecipe(about.recipe, change) : about.recipe;
  requireResumable(output, about.recipe, changed);
  const find = (path: string) => findMoved(path, folder, output);
  const held = validation ?? about.data.validation;
  const data: RecipeData = {
    ...about.data,
    dir: dir === undefined ? find(about.data.dir) : resolve(dir),
    ...(held === undefined
      ? {}
      : { validation: validation === undefined ? find(held) : resolve(validation) }),
  };
  const began = existsSync(runFiles(output).last);
  const { weights } = changed;
  const recipe = weights === undefined || began ? changed : { ...changed, weights: find(weights) };
  return prepare(recipe, { ...data, ...options, output }, about);
}

const runSchema = z.object({
  folder: z.string(),
  about: z.looseObject({
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
  /** The run's folder when it began. */
  folder: string;
  about: Readonly<Record<string, unknown>> & {
    recipe: Recipe;
    data: RecipeData;
    images: RunImages;
  };
}

/** What `run.json` says of a recipe's run. @throws McLossError ERR_IO when there is none */
export async function readStartedRun(output: string): Promise<StartedRun> {
  try {
    return parse(runSchema, await readRunInfo(output)) as StartedRun;
  } catch (cause) {
    const { info: path } = runFiles(output);
    const text = `cannot go on from ${output}: ${path} is missing or damaged. Give the folder of a run of mcloss train`;
    throw new McLossError("ERR_IO", text, { path, cause });
  }
}

/** As they are recorded, since a run may go on in another folder. */
function absolute({ validation, ...data }: RecipeData): RecipeData {
  const held = validation === undefined ? {} : { validation: resolve(validation) };
  return { ...data, dir: resolve(data.dir), ...held };
}

function absoluteWeights(recipe: Recipe): Recipe {
  return recipe.weights === undefined ? recipe : { ...recipe, weights: resolve(recipe.weights) };
}

/** A file or folder of a run that was started in `folder`, where the run is in `output` now. */
function findMoved(path: string, folder: string, output: string): string {
  if (existsSync(path)) return path;
  const moved = resolve(output, relative(folder, path));
  if (existsSync(moved)) return moved;
  const places = moved === path ? path : `${path}, or at ${moved}`;
  const text = `what the run in ${output} was started with is not at ${places} any more: bring it back, or say where the images are now (dir; mcloss train DIR --resume RUN)`;
  throw new McLossError("ERR_DATASET", text, { path });
}

/** @throws McLossError ERR_ARGUMENT naming a key that may not change */
function requireResumable(output: string, before: Recipe, now: Recipe): void {
  const [was, is] = [new Map(flatten(before)), new Map(flatten(now))];
  const mayChange = (path: string) =>
    NOT_SETTINGS.test(path) || RESUMABLE_KEYS.some((key) => path === key || path.startsWith(`${key}.`));
  const refused = [...new Set([...was.keys(), ...is.keys()])].find(
    (path) => !mayChange(path) && !isDeepStrictEqual(was.get(path), is.get(path)),
  );
  if (refused === undefined) return;
  const [from, to] = [was.get(refused), is.get(refused)].map((value) => JSON.stringify(value ?? null));
  const text = `is ${from} in the run in ${output} and cannot become ${to}: leave it out, or start a new run. What may change is ${RESUMABLE_KEYS.join(", ")}`;
  throw invalidArgument(refused, text);
}

async function prepare(
  given: Recipe,
  { signal, output, overwrite, device: wanted, ...data }: TrainRecipeOptions,
  started?: StartedRun["about"],
): Promise<RecipeTraining> {
  const resume = started !== undefined;
  const began = resume && output !== undefined && existsSync(runFiles(output).last);
  // The trainer looks too; here nobody has waited for the data and the weights yet.
  if (output !== undefined && !resume && !overwrite) requireNoRun(output);
  const device = chooseDevice("device", wanted);
  const sets = await openSets(given, data);
  const { images, heldOut } = sets;
  const runImages = await findRunImages(sets, signal);
  if (started) await requireSameImages(data, sets, started.images, runImages);
  const spec = networkSpec(given, images.classes.length);
  const known = resume ? undefined : await knownNormalization(given);
  const { recipe, transforms } = completeRecipe(given, spec, known?.normalization);
  const info = modelInfo(images.classes, transforms.test);
  const model = await Model.create(spec, { seed: recipe.seed, info });
  const weights =
    recipe.weights === undefined || began
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
  const judged = judgeByTraining(recipe, sets);
  const trainer = new Trainer(model, {
    ...trainerOptions(recipe),
    ...(judged ? { monitor: judged.monitor } : {}),
    ...(output === undefined ? {} : { output }),
    ...(overwrite === undefined ? {} : { overwrite }),
    about: {
      ...started,
      command: "train",
      recipe: absoluteWeights(recipe),
      data: absolute(data),
      images: runImages,
      device,
      ...(weights ? { weights } : {}),
    },
  });
  const validated = validation ? { validation } : {};
  const dispose = () => {
    trainer.dispose();
    model.dispose();
  };
  return {
    recipe,
    model,
    images,
    train,
    ...validated,
    trainer,
    notes: [
      ...sets.notes,
      ...(judged ? [judged.note] : []),
      ...(known ? [normalizationNote(recipe, known)] : []),
    ],
    ...(weights ? { weights } : {}),
    dispose,
    [Symbol.dispose]: dispose,
    fit: () => {
      const { channelHealth } = recipe;
      const health = channelHealth === undefined ? {} : { channelHealth };
      // What resumes takes the generators' states from its checkpoint.
      if (!began) manualSeed(seed);
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
  const { tf32, clipNorm, clipValue, ema, monitor, unfreeze, cudaGraph } = recipe;
  return {
    epochs,
    loss: recipe.loss,
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
    ...(monitor === undefined ? {} : { monitor }),
    ...(unfreeze ? { unfreeze } : {}),
    ...(cudaGraph === undefined ? {} : { cudaGraph }),
  };
}
