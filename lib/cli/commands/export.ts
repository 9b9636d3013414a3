import { Command, Option } from "commander";
import { printJson } from "../format.js";
import { printLine } from "../progress.js";

const FORMATS = ["onnx", "safetensors"] as const;

export function exportCommand(): Command {
  return new Command("export")
    .argument("<model>", "a run's folder, such as runs/birds, or a checkpoint")
    .addOption(new Option("--format <format>", "what to write").choices(FORMATS).makeOptionMandatory())
    .requiredOption("--out <file>", "where to write it")
    .option("--json", "print the result as JSON")
    .addHelpText("after", "\nExample:\n  mcloss export runs/birds --format onnx --out birds.onnx")
    .action(exportModel);
}

async function exportModel(
  modelPath: string,
  { format, out, json }: { format: (typeof FORMATS)[number]; out: string; json?: boolean },
): Promise<void> {
  const { exportOnnx, loadModel, saveModel } = await import("../../index.js");
  const write = { onnx: exportOnnx, safetensors: saveModel }[format];
  await write(await loadModel(modelPath), out);
  if (json) return printJson({ model: modelPath, file: out });
  printLine(`wrote ${out}`);
}
