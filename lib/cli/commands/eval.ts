import { Command, Option } from "commander";
import { positiveInteger } from "../arguments.js";
import { decimals, formatTable, percent, printJson } from "../format.js";
import { interruptSignal } from "../interrupt.js";
import { startProgress } from "../progress.js";

interface EvalFlags {
  batchSize: number;
  onBadImage: "error" | "skip";
  json?: boolean;
}

export function evalCommand(): Command {
  return new Command("eval")
    .description("measure a checkpoint on a folder of images")
    .argument("<model>", "a checkpoint, such as runs/last.safetensors")
    .argument("<dir>", "a folder with one sub-folder per class")
    .option("--batch-size <n>", "images per step", positiveInteger, 64)
    .addOption(
      new Option("--on-bad-image <policy>", "what an unreadable image does")
        .choices(["error", "skip"])
        .default("error"),
    )
    .option("--json", "print the result as JSON")
    .addHelpText("after", "\nExample:\n  mcloss eval runs/birds/best.safetensors photos/test")
    .action(evaluateFolder);
}

async function evaluateFolder(modelPath: string, dir: string, flags: EvalFlags): Promise<void> {
  const { DataLoader, evaluate, ImageFolder, loadModel } = await import("../../index.js");
  const { evaluationTransforms } = await import("../../data/presets.js");
  const signal = interruptSignal();
  const model = await loadModel(modelPath);
  const { classNames } = model.info;
  const folder = await ImageFolder.open(dir, classNames ? { classes: classNames } : {});
  const transforms = evaluationTransforms(model);
  const { batchSize, onBadImage } = flags;
  const loader = new DataLoader(folder, { batchSize, onBadImage, transforms });
  const progress = startProgress("evaluating", loader.length);
  const onBatch = (done: number) => progress.update(done);
  const result = await evaluate(model, loader, { loss: model.groups ? {} : "ce", signal, onBatch });
  progress.stop();
  if (flags.json) return printJson({ model: modelPath, dir, ...result, bad: loader.skipped });
  const rows = [
    ["images", String(result.images)],
    ["accuracy", percent(result.accuracy)],
    ["accuracy of the channel groups alone", percent(result.groupAccuracy)],
    ["cross-entropy", decimals(result.crossEntropy)],
    ["discriminality (L_dis)", decimals(result.discriminality)],
    ["diversity (L_div)", decimals(result.diversity)],
  ];
  process.stdout.write(`${formatTable(rows)}\n`);
  for (const { path, reason } of loader.skipped) process.stderr.write(`skipped ${path}: ${reason}\n`);
}
