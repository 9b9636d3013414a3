import { extname } from "node:path";
import { Command, Option } from "commander";
import { trustOption } from "../dataset-options.js";
import { printJson } from "../format.js";
import { printLine } from "../progress.js";

const FORMATS = ["onnx", "safetensors"] as const;
type Format = (typeof FORMATS)[number];

export function exportCommand(): Command {
  return new Command("export")
    .argument("<model>", "a run's folder, such as runs/birds, or a checkpoint")
    .addOption(new Option("--format <format>", "what to write (default: as --out ends)").choices(FORMATS))
    .requiredOption("--out <file>", "where to write it")
    .addOption(trustOption())
    .option("--json", "print the result as JSON")
    .addHelpText("after", "\nExample:\n  mcloss export runs/birds --out birds.onnx")
    .action(exportModel);
}

interface ExportFlags {
  format?: Format;
  out: string;
  trustCode?: boolean;
  json?: boolean;
}

async function exportModel(
  modelPath: string,
  { format: asked, out, trustCode, json }: ExportFlags,
  command: Command,
): Promise<void> {
  const format = asked ?? FORMATS.find((name) => extname(out).toLowerCase() === `.${name}`);
  if (!format) return command.error("error: end --out in .onnx or .safetensors, or give --format");
  const { exportOnnx } = await import("../../export/onnx.js");
  const { saveModel } = await import("../../models/checkpoint.js");
  const { openModel } = await import("../open-model.js");
  const write = { onnx: exportOnnx, safetensors: saveModel }[format];
  await write(await openModel(modelPath, { trustCode }), out);
  if (json) return printJson({ model: modelPath, file: out });
  printLine(`wrote ${out}`);
}
