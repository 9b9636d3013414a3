import { Command, Option } from "commander";
import { throwIfAborted } from "../../abort.js";
import { BAD_IMAGE_POLICIES, type BadImagePolicy } from "../../loader/bad-images.js";
import { TRAINING_LIMITS } from "../../image/limits.js";
import type { FilePrediction } from "../../predict/predict.js";
import { reasonOf } from "../../system-error.js";
import { formatTable } from "../../table.js";
import type { Device } from "../../native/dtype.js";
import { positiveInteger } from "../arguments.js";
import { deviceOption, tenCropOption, trustOption } from "../dataset-options.js";
import { percent } from "../format.js";
import { expandPaths, readLines } from "../image-paths.js";
import { addLimitFlags, limitsOf } from "../limit-flags.js";
import { interruptSignal } from "../interrupt.js";
import { jsonArray, jsonLines } from "../json-stream.js";
import { lateProgress, printLine } from "../progress.js";

interface PredictFlags {
  stdin?: boolean;
  batchSize: number;
  top: number;
  tenCrop?: boolean;
  device: Device | "auto";
  trustCode?: boolean;
  onBadImage: BadImagePolicy;
  json?: boolean;
}

export function predictCommand(): Command {
  const command = new Command("predict")
    .argument("<model>", "a run's folder, such as runs/birds, or a checkpoint")
    .argument("[images...]", "image files, and folders that are searched for images at any depth")
    .option(
      "--stdin",
      "read paths from standard input, one a line, as they come (also: - in place of images)",
    )
    .option("--batch-size <n>", "images that go through the network at once", positiveInteger, 32)
    .option("--top <n>", "how many classes to show for each image", positiveInteger, 3)
    .addOption(tenCropOption())
    .addOption(deviceOption())
    .addOption(trustOption())
    .addOption(
      new Option(
        "--on-bad-image <policy>",
        "what an unreadable image does; after a skipped one the exit code is 1",
      )
        .choices(BAD_IMAGE_POLICIES)
        .default("skip"),
    );
  return addLimitFlags(command)
    .option(
      "--json",
      "print a JSON array; with --stdin JSON Lines: one object a line, as soon as it is known",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  mcloss predict runs/birds robin.jpg photos/unsorted\n" +
        "  find photos -name '*.jpg' | mcloss predict runs/birds --stdin --json",
    )
    .action(predictImages);
}

async function predictImages(
  modelPath: string,
  images: string[],
  flags: PredictFlags,
  command: Command,
): Promise<void> {
  const fromStdin = flags.stdin === true || images.includes("-");
  if (images.length === 0 && !fromStdin) command.error("error: name images or folders, or give --stdin");
  const { chooseDevice } = await import("../../tensor/cuda.js");
  const { predict } = await import("../../predict/predict.js");
  const { tenCropTransforms } = await import("../../image/presets.js");
  const { openModel } = await import("../open-model.js");
  const signal = interruptSignal();
  const model = await (
    await openModel(modelPath, { trustCode: flags.trustCode })
  ).to(chooseDevice("--device", flags.device));
  const named = await expandPaths(images.filter((path) => path !== "-"));
  const output = outputOf(flags, fromStdin);
  // Results on the same terminal show by themselves how far it is.
  const progress = process.stdout.isTTY || fromStdin ? undefined : lateProgress();
  let done = 0;
  const advance = (): void => progress?.onProgress("predicting", (done += 1), named.length);
  const predictions = predict(model, fromStdin ? inTurn(named, readLines(process.stdin, signal)) : named, {
    maxBatch: flags.batchSize,
    top: flags.top,
    signal,
    ...TRAINING_LIMITS,
    ...limitsOf(flags),
    repair: flags.onBadImage === "repair",
    transforms: flags.tenCrop ? tenCropTransforms(model) : undefined,
    onBadImage: flags.onBadImage === "error" ? undefined : report,
  });

  function report(path: string, error: Error): void {
    const reason = reasonOf(error.cause ?? error);
    process.exitCode = 1;
    printLine(`skipped ${path}: ${reason}`);
    output.bad(path, reason);
    advance();
  }

  try {
    for await (const prediction of predictions) {
      if (prediction.repaired !== undefined) printLine(`repaired ${prediction.path}: ${prediction.repaired}`);
      output.write(prediction);
      advance();
    }
    throwIfAborted(signal, "the prediction");
  } finally {
    progress?.stop();
    output.end();
    // Otherwise the process would wait for the end of the list.
    if (fromStdin) process.stdin.destroy();
  }
}

interface Output {
  write: (prediction: FilePrediction) => void;
  bad: (path: string, error: string) => void;
  end: () => void;
}

function outputOf({ json }: PredictFlags, streamed: boolean): Output {
  if (!json) return { write: printTable, bad: () => undefined, end: () => undefined };
  const { write, end } = streamed ? jsonLines() : jsonArray();
  return { write, bad: (path, error) => write({ path, error }), end };
}

function printTable({ path, top }: FilePrediction): void {
  const [best, ...others] = top.map(({ name, probability }) => [name, percent(probability)]);
  const rows = [[path, ...(best ?? [])], ...others.map((score) => ["", ...score])];
  process.stdout.write(`${formatTable(rows)}\n`);
}

async function* inTurn(first: readonly string[], then: AsyncIterable<string>): AsyncGenerator<string> {
  yield* first;
  yield* then;
}
