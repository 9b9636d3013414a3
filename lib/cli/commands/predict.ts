import { Command } from "commander";
import { positiveInteger } from "../arguments.js";
import { formatTable, percent, printJson } from "../format.js";

export function predictCommand(): Command {
  return new Command("predict")
    .description("say what is on images")
    .argument("<model>", "a checkpoint, such as runs/last.safetensors")
    .argument("<images...>", "image files")
    .option("--top <n>", "how many classes to show for each image", positiveInteger, 3)
    .option("--json", "print the result as JSON")
    .addHelpText("after", "\nExample:\n  mcloss predict runs/birds/best.safetensors robin.jpg wren.jpg")
    .action(predictImages);
}

async function predictImages(
  modelPath: string,
  images: string[],
  flags: { top: number; json?: boolean },
): Promise<void> {
  const { loadModel, predict } = await import("../../index.js");
  const model = await loadModel(modelPath);
  const predictions = [];
  for await (const prediction of predict(model, images, flags.top)) {
    predictions.push(prediction);
    if (flags.json) continue;
    const [best, ...others] = prediction.top.map(({ name, probability }) => [name, percent(probability)]);
    const rows = [[prediction.path, ...(best ?? [])], ...others.map((score) => ["", ...score])];
    process.stdout.write(`${formatTable(rows)}\n`);
  }
  if (flags.json) printJson(predictions);
}
