import type { Command } from "commander";
import { findNear } from "../near.js";

/** What people write who come from other programs, and what it is here. */
const OTHER_OPTIONS: Readonly<Record<string, string>> = {
  "--lr": "--learning-rate",
  "--rate": "--learning-rate",
  "--bs": "--batch-size",
  "--batch": "--batch-size",
  "-b": "--batch-size",
  "-e": "--epochs",
  "--num-epochs": "--epochs",
  "--iterations": "--epochs",
  "--arch": "--model",
  "--backbone": "--model",
  "--network": "--model",
  "--net": "--model",
  "--pretrained": "--weights",
  "--checkpoint": "--weights",
  "--finetune": "--weights",
  "--val": "--validation",
  "--valid": "--validation",
  "--test": "--validation",
  "--output": "--out",
  "--output-dir": "--out",
  "--save-dir": "--out",
  "-o": "--out",
  "--gpu": "--device",
  "--gpus": "--devices",
  "--nproc": "--processes",
  "--nproc-per-node": "--processes",
  "--nproc_per_node": "--processes",
  "--num-processes": "--processes",
  "--sync-bn": "--sync-batch-norm",
  "--syncbn": "--sync-batch-norm",
  "--cpu": "--device",
  "--cuda": "--device",
  "--img-size": "--image-size",
  "--imgsz": "--image-size",
  "--size": "--image-size",
  "--resolution": "--image-size",
  "--force": "--overwrite",
  "-f": "--overwrite",
  "--opt": "--optimizer",
  "--amp": "--precision",
  "--fp16": "--precision",
  "--bf16": "--precision",
  "--aug": "--augment",
  "--augmentation": "--augment",
  "--xi": "--channels-per-class",
  "--cnum": "--channels-per-class",
  "--config": "--recipe",
  "--serve": "--watch",
  "--topk": "--top",
  "--top-k": "--top",
  "-k": "--top",
  "--tta": "--ten-crop",
  "--data": "--images",
  "--momentum": "--set optimizer.momentum=0.9",
  "--weight-decay": "--set optimizer.weightDecay=0.0005",
  "--wd": "--set optimizer.weightDecay=0.0005",
  "--schedule": "--set schedule.type=cosine",
  "--scheduler": "--set schedule.type=cosine",
  "--label-smoothing": "--set loss.classification.type=ce --set loss.classification.labelSmoothing=0.1",
  "--warmup": "--set schedule.warmupEpochs=3",
};

const OTHER_COMMANDS: Readonly<Record<string, string>> = {
  evaluate: "eval",
  test: "eval",
  val: "eval",
  validate: "eval",
  classify: "predict",
  infer: "predict",
  fit: "train",
  finetune: "train",
  resume: "train --resume",
  watch: "report --watch",
  verify: "data verify",
  prepare: "data prepare",
  check: "data verify",
  cam: "visualize",
  visualise: "visualize",
  convert: "export",
  build: "setup",
  install: "setup",
};

const OTHER_VALUES: Readonly<Record<string, string>> = {
  fp16: "float16",
  half: "float16",
  bf16: "bfloat16",
  fp32: "float32",
  full: "float32",
  "cross-entropy": "ce",
  crossentropy: "ce",
  mcloss: "mc",
  valid: "val",
  validation: "val",
  stop: "error",
  raise: "error",
  ignore: "skip",
  cub: "cub200",
  aircraft: "fgvc-aircraft",
  cars: "stanford-cars",
  flowers: "flowers102",
  pets: "oxford-pet",
  dogs: "stanford-dogs",
  food: "food101",
  inat: "inaturalist",
  wds: "webdataset",
  tar: "webdataset",
  csv: "manifest",
  imagefolder: "folder",
};

/** commander's message about wrong usage, with what was probably meant, and what an argument is. */
export function withHint(text: string, command: Command): string {
  if (text.includes("Did you mean")) return text;
  const hint = hintOf(text, command);
  return hint === undefined ? text : `${text.trimEnd()}\n(${hint})\n`;
}

function hintOf(text: string, command: Command): string | undefined {
  const [, option] = /unknown option '([^'=]+)/.exec(text) ?? [];
  if (option !== undefined) return optionHint(option, command);
  const [, name] = /unknown command '(.+)'/.exec(text) ?? [];
  if (name === "demo") return "The demo is not in the package. In a clone of the repository: npm run demo";
  if (name !== undefined) return meant(OTHER_COMMANDS[name.toLowerCase()]);
  const [, value, choices] = /argument '(.*)' is invalid\. Allowed choices are (.*)\./s.exec(text) ?? [];
  if (value !== undefined && choices !== undefined) return choiceHint(value, choices.split(", "));
  if (/argument '\d*,\d+' is invalid\. It must be a number/.test(text))
    return "Write the number with a point, such as 0.5";
  const [, argument] = /missing required argument '(.+)'/.exec(text) ?? [];
  if (argument !== undefined) return argumentHint(argument, command);
  return /too many arguments .* Expected [1-9]/.test(text) ? "A path with spaces needs quotes" : undefined;
}

function optionHint(option: string, command: Command): string | undefined {
  const here = OTHER_OPTIONS[option];
  const [flag] = here?.split(" ") ?? [];
  return command.options.some(({ long }) => long === flag) ? meant(here) : undefined;
}

/** Where other signs or another case were written, or another program's word. */
function choiceHint(value: string, choices: readonly string[]): string | undefined {
  const plain = (word: string) => word.toLowerCase().replace(/[^a-z0-9]/g, "");
  const same = choices.find((choice) => plain(choice) === plain(value));
  const other = OTHER_VALUES[value.toLowerCase()];
  const near = same ?? (other !== undefined && choices.includes(other) ? other : undefined);
  return meant(near ?? findNear(value, choices));
}

function argumentHint(name: string, command: Command): string | undefined {
  const wanted = command.registeredArguments.map((argument) => `${argument.name()}: ${argument.description}`);
  return command.registeredArguments.some((argument) => argument.name() === name)
    ? wanted.join("; ")
    : undefined;
}

function meant(text: string | undefined): string | undefined {
  return text === undefined ? undefined : `Did you mean ${text}?`;
}
