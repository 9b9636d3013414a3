import { InvalidArgumentError, Option, type Command } from "commander";
import { BAD_IMAGE_POLICIES } from "../loader/bad-images.js";
import { CACHE_KINDS } from "../loader/cache-kind.js";
import { DIVERSITY_OVER } from "../loss/mc-loss.js";
import { AUGMENTATION_LEVELS } from "../image/presets.js";
import { networks } from "../models/networks.js";
import { DEFAULT_RECIPE } from "../recipes/default-recipe.js";
import { networkNamed } from "../recipes/network.js";
import { optimizers } from "../optim/optimizers.js";
import { isChannelLoss, losses } from "../train/losses.js";
import { mixings } from "../train/mixings.js";
import { MONITORS } from "../train/monitor.js";
import { joinPatches, nest, type Patch } from "../recipes/patch.js";
import type { Recipe } from "../recipes/recipe.js";
import { SAMPLER_NAMES } from "../recipes/recipe-sampler.js";
import {
  mixingNames,
  nonNegativeInteger,
  nonNegativeNumber,
  positiveInteger,
  positiveNumber,
  rateOrAuto,
} from "./arguments.js";
import { kindOption } from "./dataset-options.js";
import { LIMIT_FLAGS } from "./limit-flags.js";

/** Options of mcloss train that stand for keys of the recipe, and what the keys are. */
interface RecipeFlag {
  key: string;
  option: Option;
}

function flag(
  flags: string,
  key: string,
  text: string,
  take?: ((text: string) => unknown) | readonly string[],
): RecipeFlag {
  const standard = valueAt(DEFAULT_RECIPE, key);
  const option = new Option(flags, standard === undefined ? text : `${text} (default: ${standard})`);
  if (typeof take === "function") option.argParser(take);
  else if (take) option.choices(take);
  return { key, option };
}

const RATE = "optimizer.learningRate";

const FLAGS: readonly RecipeFlag[] = [
  { key: "dataset.kind", option: kindOption() },
  flag(
    "--weights <file>",
    "weights",
    "pre-trained weights: imagenet or imagenet-v2, which are downloaded, torchvision's .pth, or safetensors",
  ),
  flag(
    "--weights-key <key>",
    "weightsKey",
    "where they are in that file, such as state_dict (default: found)",
  ),
  flag(
    "--weights-prefix <prefix>",
    "weightsPrefix",
    "what stands before their names, such as module. (default: found)",
  ),
  flag("--alpha <weight>", "loss.alpha", "weight of the discriminality component", nonNegativeNumber),
  flag("--beta <weight>", "loss.beta", "weight of the diversity component", nonNegativeNumber),
  flag(
    "--beta-warmup <epochs>",
    "loss.betaWarmupEpochs",
    "epochs in which that weight rises from 0 (default: 0)",
    nonNegativeNumber,
  ),
  flag(
    "--diversity-over <classes>",
    "loss.diversityOver",
    "whose diversity counts on an image (default: classes)",
    DIVERSITY_OVER,
  ),
  flag(
    "--channels-per-class <n>",
    "network.channelsPerClass",
    "feature channels that each class owns",
    positiveInteger,
  ),
  flag(
    "--adapter <n>",
    "network.adapter.channelsPerClass",
    "give each class n channels of a 1×1 convolution after any backbone, for MC-Loss and pictures",
    positiveInteger,
  ),
  flag("--adapter-head <reads>", "network.adapter.head", "what the classifier reads (default: adapter)", [
    "adapter",
    "backbone",
  ]),
  flag(
    "--image-size <pixels>",
    "network.inputSize",
    "side of the network's input (default: the network's own)",
    positiveInteger,
  ),
  flag("--epochs <n>", "epochs", "passes over the training images", positiveInteger),
  flag("--batch-size <n>", "batchSize", "images per step", positiveInteger),
  flag(
    "--sampler <name>",
    "sampler",
    "how often each class comes: as it does, as the others, or by the square root of its size (default: shuffle)",
    SAMPLER_NAMES,
  ),
  flag(
    "--learning-rate <rate>",
    RATE,
    "at the start, after the warm-up; auto: what find-rate suggests",
    rateOrAuto,
  ),
  flag(
    "--layer-decay <factor>",
    "optimizer.layerDecay",
    "what each layer's rate is of the next one's, as 0.75 (default: 1)",
    positiveNumber,
  ),
  flag("--precision <dtype>", "precision", "what forward and backward compute in", [
    "float32",
    "bfloat16",
    "float16",
  ]),
  flag("--tf32", "tf32", "round float32 products on a GPU to TF32, which is faster"),
  flag("--clip-norm <norm>", "clipNorm", "the gradients' largest joint norm", nonNegativeNumber),
  flag("--accumulate <n>", "accumulate", "batches whose gradients make one update", positiveInteger),
  flag("--ema <decay>", "ema", "average the weights, as 0.999, and judge the average", nonNegativeNumber),
  flag("--monitor <figure>", "monitor", "what the best checkpoint and a plateau go by (default: accuracy)", [
    ...MONITORS,
  ]),
  flag(
    "--patience <epochs>",
    "earlyStopping.patience",
    "end the training after so many epochs without a gain in the monitored figure (default: none)",
    positiveInteger,
  ),
  flag(
    "--min-delta <gain>",
    "earlyStopping.minDelta",
    "with --patience, the least gain that counts (default: 0)",
    nonNegativeNumber,
  ),
  flag("--on-nan <policy>", "onNan", "what a loss that is not finite does", ["stop", "skip"]),
  flag(
    "--channel-health",
    "channelHealth",
    "measure the channels on the held-out images after every epoch, not the last alone",
  ),
  flag("--cuda-graph", "cudaGraph", "launch the steps on a GPU as CUDA graphs, where that is possible"),
  flag(
    "--sync-batch-norm",
    "syncBatchNorm",
    "normalise the parts of a batch in all processes as one, as one process would",
  ),
  {
    key: "gradientCompression",
    option: new Option("--compress-gradients", "send gradients between processes as bfloat16").preset(
      "bfloat16",
    ),
  },
  flag(
    "--seed <n>",
    "seed",
    "of the weights, the order, the augmentation, the masks and dropout",
    nonNegativeInteger,
  ),
  flag("--augment <level>", "transforms.train", "random changes to the training images", AUGMENTATION_LEVELS),
  flag(
    "--mix <ways>",
    "mix",
    `mix the images of each batch, and their labels, in one of these ways: ${mixings.names.join(", ")}, as mixup,cutmix`,
    mixingNames,
  ),
  flag(
    "--shuffle-buffer <n>",
    "dataset.shuffleBuffer",
    "read shards nearly as they lie, each image drawn from so many; shards on a server, and Parquet: 1000",
    positiveInteger,
  ),
  flag("--on-bad-image <policy>", "onBadImage", "what an unreadable image does", BAD_IMAGE_POLICIES),
  flag(
    "--cache <where>",
    "cache",
    "keep decoded images for the next epochs, in memory or on the disk (default: what fits 512 MiB)",
    CACHE_KINDS,
  ),
  ...LIMIT_FLAGS,
];

const MODEL = new Option("--model <name>", `the network (default: ${DEFAULT_RECIPE.network.name})`).choices(
  networks.names,
);
const LOSS = new Option(
  "--loss <name>",
  "MC-Loss or, as the baseline of the same recipe, another loss alone (default: mc)",
).choices(losses.names);
const CLASS_WEIGHTS = new Option(
  "--class-weights <how>",
  "weigh each class in cross-entropy: balanced, or β of the effective number of images, such as 0.999",
).argParser(classWeightsOf);
const OPTIMIZER = new Option(
  "--optimizer <name>",
  `how the weights are updated (default: ${DEFAULT_RECIPE.optimizer.type})`,
).choices(optimizers.names);

/** The options' attribute names by the keys of the recipe that they stand for. */
export const RECIPE_KEYS: ReadonlyMap<string, string> = new Map(
  FLAGS.map(({ key, option }) => [key, option.attributeName()]),
);

/** Adds the options to a command. */
export function addRecipeFlags(command: Command): Command {
  const options = [MODEL, LOSS, CLASS_WEIGHTS, OPTIMIZER, ...FLAGS.map(({ option }) => option)];
  return options.reduce((built, option) => built.addOption(option), command);
}

/** The options that were given, as they are written. */
export function givenFlags(command: Command): string[] {
  return command.options
    .filter((option) => command.getOptionValueSource(option.attributeName()) === "cli")
    .map(({ long }) => long ?? "");
}

/** What the options that were given change in a recipe. */
export function patchOfFlags(recipe: Recipe, flags: Readonly<Record<string, unknown>>): Patch {
  const value = ({ option }: { option: Option }) => flags[option.attributeName()];
  const { model, optimizer, loss, classWeights } = flags as Partial<Record<string, string>>;
  const patches: Patch[] = [];
  if (model !== undefined) patches.push({ network: networkNamed(model) });
  if (optimizer !== undefined && optimizer !== recipe.optimizer.type) {
    patches.push({ optimizer: { type: optimizer, learningRate: recipe.optimizer.learningRate } });
  }
  if (loss === "mc" && !isChannelLoss(recipe.loss)) patches.push({ loss: DEFAULT_RECIPE.loss });
  for (const one of FLAGS) {
    if (value(one) !== undefined) patches.push(patchOf(one.key, value(one)));
  }
  // A baseline has no weights of MC-Loss.
  if (loss !== undefined && loss !== "mc" && !isRecipeLoss(recipe, loss)) {
    patches.push({ loss: loss === "ce" ? loss : { type: loss } });
  }
  if (classWeights !== undefined) patches.push(weighClasses(recipe, loss, classWeights));
  return joinPatches(patches);
}

function patchOf(key: string, value: unknown): Patch {
  if (key !== RATE) return nest(key.split("."), value);
  return value === "auto" ? { findRate: true } : { findRate: null, ...nest(key.split("."), value) };
}

/** Beside MC-Loss it is the classification term that has the weights. */
function weighClasses(recipe: Recipe, loss: string | undefined, classWeights: unknown): Patch {
  const type = loss ?? (isChannelLoss(recipe.loss) ? "mc" : recipe.loss === "ce" ? "ce" : recipe.loss.type);
  if (type !== "mc") return { loss: { type, classWeights } };
  return { loss: { classification: { type: "ce", classWeights } } };
}

function classWeightsOf(text: string): "balanced" | { effectiveNumber: number } {
  if (text === "balanced") return text;
  const beta = Number(text);
  if (text.trim() !== "" && beta >= 0 && beta < 1) return { effectiveNumber: beta };
  throw new InvalidArgumentError("It must be balanced, or a number from 0 to less than 1.");
}

/** Whether it is the recipe's own loss, which keeps its options. */
function isRecipeLoss({ loss }: Recipe, name: string): boolean {
  return loss !== "ce" && loss.type === name;
}

function valueAt(recipe: Recipe, key: string): string | number | undefined {
  const inside = (value: unknown, part: string) => (value as Record<string, unknown> | undefined)?.[part];
  return key.split(".").reduce<unknown>(inside, recipe) as string | number | undefined;
}
