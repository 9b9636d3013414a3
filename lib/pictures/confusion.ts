import { writeFile } from "node:fs/promises";
import { extname } from "node:path";
import sharp from "sharp";
import { invalidArgument, McLossError } from "../errors.js";
import { className } from "../models/class-name.js";
import { HEAT_COLORS } from "./heat-map.js";

const CELL_PIXELS = 8;
const MAX_SIDE = 2000;

/**
 * Writes a confusion matrix: as CSV, with the true class in each row's first field and the predicted one in the first
 * line; or as PNG, rows true and columns predicted, each row's shares from dark to bright.
 * @param confusion [true class][predicted class], in images
 * @throws McLossError ERR_ARGUMENT for another extension, ERR_IO when the file cannot be written
 */
export async function writeConfusion(
  path: string,
  confusion: readonly (readonly number[])[],
  names: readonly string[],
): Promise<void> {
  const extension = extname(path).toLowerCase();
  if (extension !== ".csv" && extension !== ".png") {
    throw invalidArgument("confusion", `must end in .csv or .png, got ${path}`);
  }
  const content = extension === ".csv" ? toCsv(confusion, names) : await toPicture(confusion);
  await writeFile(path, content).catch((cause: unknown) => {
    throw new McLossError("ERR_IO", `cannot write ${path}: check the folder and its permissions`, {
      path,
      cause,
    });
  });
}

function toCsv(confusion: readonly (readonly number[])[], names: readonly string[]): string {
  const rows = confusion.map((row, index) => [quote(className(names, index)), ...row]);
  const lines = [["true \\ predicted", ...names.map(quote)], ...rows].map((row) => row.join(","));
  return `${lines.join("\r\n")}\r\n`;
}

/** RFC 4180. */
function quote(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

function toPicture(confusion: readonly (readonly number[])[]): Promise<Buffer> {
  const classes = confusion.length;
  const pixels = new Uint8Array(classes * classes * 3);
  confusion.forEach((row, truth) => {
    const images = row.reduce((sum, count) => sum + count, 0) || 1;
    row.forEach((count, predicted) => {
      const color = HEAT_COLORS[Math.round((255 * count) / images)] ?? [0, 0, 0];
      pixels.set(color, (truth * classes + predicted) * 3);
    });
  });
  const side = classes * Math.max(1, Math.min(CELL_PIXELS, Math.floor(MAX_SIDE / classes)));
  return sharp(pixels, { raw: { width: classes, height: classes, channels: 3 } })
    .resize(side, side, { kernel: "nearest" })
    .png()
    .toBuffer();
}
