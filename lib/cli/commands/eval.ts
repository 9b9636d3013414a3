import { Command, Option } from "commander";
import { BAD_IMAGE_POLICIES, type BadImagePolicy } from "../../loader/bad-images.js";
import type { Dataset } from "../../data/dataset.js";
import type { DatasetKind, Split } from "../../data/sets/layout.js";
import { SPLITS } from "../../data/sets/splits.js";
import type { ChannelHealthReport } from "../../loss/channel-health.js";
import type { Model } from "../../models/model.js";
import type { Device } from "../../native/dtype.js";
import { formatTable } from "../../table.js";
import type { Evaluation } from "../../train/evaluate.js";
import type { Localisation, LocalisationOptions } from "../../visualize/localisation.js";
import { positiveInteger } from "../arguments.js";
import {
  deviceOption,
  emptyOption,
  kindOption,
  partialOption,
  tenCropOption,
  trustOption,
} from "../dataset-options.js";
import { tellBadImages } from "../bad-images.js";
import { decimals, percent, printJson } from "../format.js";
import { describeChannels, describeLocalisation, reportHabit } from "../describe-channels.js";
import { addLimitFlags, limitsOf, withoutLimits } from "../limit-flags.js";
import { interruptSignal } from "../interrupt.js";
import { lateProgress, printLine, startProgress } from "../progress.js";

interface EvalFlags {
  kind?: DatasetKind;
  split?: Split;
  allowPartial?: boolean;
  allowEmpty?: boolean;
  batchSize: number;
  device: Device | "auto";
  trustCode?: boolean;
  tenCrop?: boolean;
  onBadImage: BadImagePolicy;
  confusion?: string;
  channels?: boolean;
  localisation?: boolean;
  json?: boolean;
}

export function evalCommand(): Command {
  const command = new Command("eval")
    .argument("<model>", "a run's folder, such as runs/birds, or a checkpoint")
    .argument(
      "<dir>",
      "a folder with one sub-folder per class, a published set, a manifest, or shards (.tar, .parquet)",
    )
    .addOption(kindOption())
    .addOption(
      new Option(
        "--split <split>",
        "what to measure on (default: the test part, or all of an undivided set)",
      ).choices(SPLITS),
    )
    .addOption(partialOption())
    .addOption(emptyOption())
    .option("--batch-size <n>", "images per step", positiveInteger, 64)
    .addOption(tenCropOption())
    .addOption(deviceOption())
    .addOption(trustOption())
    .addOption(
      new Option("--on-bad-image <policy>", "what an unreadable image does")
        .choices(BAD_IMAGE_POLICIES)
        .default("error"),
    );
  return addLimitFlags(command)
    .option("--confusion <file>", "write the confusion matrix as .csv or .png")
    .option("--channels", "measure the health of the classes' channels, and name the worst classes")
    .option("--localisation", "measure how well channels find the object, where the set has boxes")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  mcloss eval runs/birds photos/test\n" +
        "  mcloss eval runs/birds photos/test --confusion confusion.png\n" +
        "  mcloss eval runs/birds data/CUB_200_2011 --channels --localisation",
    )
    .action(evaluateFolder);
}

async function evaluateFolder(modelPath: string, dir: string, flags: EvalFlags): Promise<void> {
  const { chooseDevice } = await import("../../tensor/cuda.js");
  const { DataLoader } = await import("../../loader/data-loader.js");
  const { evaluate } = await import("../../train/evaluate.js");
  const { openEvaluationSet } = await import("../../data/training-sets.js");
  const { confusionFormat, writeConfusion } = await import("../../pictures/confusion.js");
  const { openModel } = await import("../open-model.js");
  const { evaluationTransforms, tenCropTransforms } = await import("../../image/presets.js");
  const { className } = await import("../../models/class-name.js");
  const { tallyOf } = await import("../../train/evaluate-channels.js");
  const {
    batchSize,
    tenCrop,
    onBadImage,
    confusion,
    channels,
    localisation,
    json,
    device: wanted,
    trustCode,
    ...opening
  } = withoutLimits(flags);
  const limits = limitsOf(flags);
  // Before what takes long: another extension is an error.
  if (confusion !== undefined) confusionFormat(confusion);
  const signal = interruptSignal();
  const device = chooseDevice("--device", wanted);
  const model = await (await openModel(modelPath, { trustCode })).to(device);
  const { classNames } = model.info;
  const images = await openEvaluationSet({ dir, ...opening, classes: classNames });
  const { notes } = images;
  for (const note of notes) printLine(`note: ${note}`);
  const transforms = tenCrop ? tenCropTransforms(model) : evaluationTransforms(model);
  const loader = new DataLoader(images, { ...limits, batchSize, onBadImage, transforms, device });
  const tally = channels ? tallyOf(model) : undefined;
  // Before what takes long, too: a set without boxes is an error.
  const located = localisation ? await locate(model, images, { ...limits, signal, onBadImage }) : undefined;
  const progress = startProgress("evaluating", loader.length);
  const onBatch = (done: number) => progress.update(done);
  const loss = model.groups ? {} : "ce";
  const result = await evaluate(model, loader, {
    loss,
    signal,
    onBatch,
    channels: tally,
  });
  progress.stop();
  const health = await tally?.result();
  const names = result.perClass.map((_, index) => className(model.info.classNames, index));
  const { skipped, repaired } = loader;
  const written =
    confusion === undefined ? undefined : await attempt(writeConfusion(confusion, result.confusion, names));
  if (json) {
    const extra = {
      channels: health,
      localisation: located,
      file: written?.done ? confusion : undefined,
    };
    printJson({ model: modelPath, dir, ...result, ...extra, bad: skipped, repaired, notes });
  } else {
    printTables(result, names, { health, located });
    tellBadImages(loader);
  }
  if (health) reportHabit(health.overall);
  if (result.nonFinite !== undefined) reportNonFinite(modelPath, result.nonFinite);
  // Last: where it cannot be written, what was measured has been told.
  if (written?.done === false) throw written.error;
  if (confusion !== undefined) printLine(`wrote ${confusion}`);
}

async function attempt(action: Promise<void>): Promise<{ done: true } | { done: false; error: unknown }> {
  return action.then(
    () => ({ done: true }),
    (error: unknown) => ({ done: false, error }),
  );
}

function reportNonFinite(model: string, images: number): void {
  process.exitCode = 1;
  const problem = `answers with numbers that are not finite for ${images} images, which count as wrong`;
  process.stderr.write(`mcloss: ${model} ${problem}: its weights are damaged, or its training went wrong\n`);
}

function printTables(
  result: Evaluation,
  names: readonly string[],
  { health, located }: { health: ChannelHealthReport | undefined; located: Localisation | undefined },
): void {
  const rows = [
    ["images", String(result.images)],
    ["accuracy", percent(result.accuracy)],
    ["top-5 accuracy", percent(result.top5Accuracy)],
    ["balanced accuracy", percent(result.balancedAccuracy)],
    ["macro F1", percent(result.macroF1)],
    ...measured("accuracy of the channel groups alone", result.groupAccuracy, percent),
    ["cross-entropy", decimals(result.crossEntropy)],
    ...measured("discriminality (L_dis)", result.discriminality, decimals),
    ...measured("diversity (L_div)", result.diversity, decimals),
  ];
  process.stdout.write(`${formatTable(rows)}\n`);
  if (health) process.stdout.write(`\n${describeChannels(health, names)}\n`);
  if (located) process.stdout.write(`\n${describeLocalisation(located)}\n`);
}

/** No row of what a model without channel groups does not have. */
function measured(label: string, value: number | undefined, format: (value: number) => string): string[][] {
  return value === undefined ? [] : [[label, format(value)]];
}

async function locate(model: Model, images: Dataset, options: LocalisationOptions) {
  const { evaluateLocalisation } = await import("../../visualize/localisation.js");
  const progress = lateProgress();
  const onBatch = (done: number, total: number) =>
    progress.onProgress("comparing with the boxes", done, total);
  try {
    return await evaluateLocalisation(model, images, { ...options, onBatch });
  } finally {
    progress.stop();
  }
}
