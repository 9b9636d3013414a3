import { checkPlace } from "../check-argument.js";
import { extname } from "node:path";
import { formatCsv } from "../csv.js";
import { invalidArgument } from "../errors.js";
import { replaceWith } from "../io/replace-file.js";
import { className } from "../models/class-name.js";
import { shown } from "../shown.js";

/**
 * Writes a confusion matrix: as CSV, with the true class in each row's first field and the predicted one in the first
 * line; or as PNG, rows true and columns predicted, each row's shares from dark to bright, with the classes' names (up to
 * 225 classes) and the numbers of images (up to 50).
 * @param confusion [true class][predicted class], in images
 * @throws McLossError ERR_ARGUMENT for another extension, ERR_IO when the file cannot be written
 */
export async function writeConfusion(
  path: string,
  confusion: readonly (readonly number[])[],
  names: readonly string[],
): Promise<void> {
  checkPlace("path", path);
  if (!Array.isArray(confusion) || !confusion.every(Array.isArray)) {
    throw invalidArgument("confusion", "must be a list of rows, as evaluate() gives it");
  }
  if (!Array.isArray(names)) throw invalidArgument("names", "must be a list of the classes' names");
  const format = confusionFormat(path);
  const content = format === "csv" ? toCsv(confusion, names) : await toPng(confusion, names);
  await replaceWith(path, content);
}

/** By the path's extension. @throws McLossError ERR_ARGUMENT for another one */
export function confusionFormat(path: string): "csv" | "png" {
  const extension = extname(path).toLowerCase();
  if (extension === ".csv") return "csv";
  if (extension === ".png") return "png";
  throw invalidArgument("confusion", `must end in .csv or .png, got ${shown(path)}`);
}

function toCsv(confusion: readonly (readonly number[])[], names: readonly string[]): string {
  const rows = confusion.map((row, index) => [className(names, index), ...row]);
  return formatCsv([["true \\ predicted", ...names], ...rows]);
}

async function toPng(confusion: readonly (readonly number[])[], names: readonly string[]): Promise<Buffer> {
  const { renderConfusion } = await import("./confusion-picture.js");
  return renderConfusion(confusion, names);
}
