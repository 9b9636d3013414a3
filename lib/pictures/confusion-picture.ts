import { className } from "../models/class-name.js";
import { Canvas, INK, textWidth } from "./canvas.js";
import { HEAT_COLORS } from "./heat-map.js";
import { resizeImage, type RgbImage } from "../image/rgb-image.js";
import { maximum } from "../extremes.js";

const CAPTION = "Rows: true class. Columns: predicted class. Colours: share of the row.";
/** Pixels of a cell. Where there are more classes than fit cells shrink, and have no count. */
const CELL = 36;
/** Of the matrix. */
const MOST_SIDE = 1800;
/** Cells this high have their class's name beside them. */
const LEAST_NAMED = 8;
const NAME_SIZE = 11;
/** Room for some fifty letters. */
const MOST_NAMES = 360;
const NAME_GAP = 6;
const MARGIN = 16;
const HEADER = 36;
const LEGEND = 56;
const LEAST_WIDTH = 420;
/** The level from which a count is dark, its cell being bright. */
const BRIGHT = 150;

/**
 * A confusion matrix as PNG: rows true and columns predicted, each row's shares from dark to bright, with the classes'
 * names and the numbers of images where there is room. Text needs a font on the machine; the rest of the picture does not.
 */
export async function renderConfusion(
  confusion: readonly (readonly number[])[],
  names: readonly string[],
): Promise<Buffer> {
  const cell = Math.max(1, Math.min(CELL, Math.floor(MOST_SIDE / confusion.length)));
  const side = confusion.length * cell;
  const matrix = await resizeImage(shares(confusion), { width: side, height: side }, "nearest");
  const labels = cell < LEAST_NAMED ? [] : confusion.map((_, label) => className(names, label));
  const [left, top] = placeMatrix(labels, nameSize(cell));
  const canvas = new Canvas();
  canvas.text(CAPTION, MARGIN, MARGIN + 4, { anchor: "start" });
  canvas.image(matrix, left, top);
  drawNames(canvas, labels, cell, left, top);
  if (cell === CELL) drawCounts(canvas, confusion, left, top);
  canvas.heatBar(left, top + side + 16, "0 %", "100 %");
  return canvas.png(Math.max(left + side, LEAST_WIDTH) + MARGIN, top + side + LEGEND);
}

function nameSize(cell: number): number {
  return Math.min(NAME_SIZE, cell - 1);
}

/** Where the matrix begins, right of and below the names. */
function placeMatrix(labels: readonly string[], size: number): [left: number, top: number] {
  const names = maximum(labels.map((label) => textWidth(label, size) + NAME_GAP));
  const space = Math.min(MOST_NAMES, Math.max(0, names));
  return [MARGIN + space, HEADER + space];
}

/** Each row's shares, a pixel for each cell. */
function shares(confusion: readonly (readonly number[])[]): RgbImage {
  const size = confusion.length;
  const data = new Uint8Array(size * size * 3);
  confusion.forEach((row, truth) => {
    levels(row).forEach((level, predicted) => {
      data.set(HEAT_COLORS[level] ?? [0, 0, 0], (truth * size + predicted) * 3);
    });
  });
  return { data, width: size, height: size };
}

/** What share of its row each count is, from 0 to 255. */
function levels(row: readonly number[]): number[] {
  const images = row.reduce((sum, count) => sum + count, 0) || 1;
  return row.map((count) => Math.round((255 * count) / images));
}

/** Beside the classes' rows and above their columns. */
function drawNames(canvas: Canvas, labels: readonly string[], cell: number, left: number, top: number): void {
  const size = nameSize(cell);
  const style = { size, width: MOST_NAMES - NAME_GAP };
  labels.forEach((label, index) => {
    const baseline = (index + 0.5) * cell + 0.35 * size;
    canvas.text(label, left - NAME_GAP, top + baseline, { ...style, anchor: "end" });
    canvas.text(label, left + baseline, top - NAME_GAP, { ...style, anchor: "start", upwards: true });
  });
}

function drawCounts(
  canvas: Canvas,
  confusion: readonly (readonly number[])[],
  left: number,
  top: number,
): void {
  confusion.forEach((row, truth) => {
    levels(row).forEach((level, predicted) => {
      const count = row[predicted] ?? 0;
      if (count === 0) return;
      const color = level < BRIGHT ? "#fff" : INK;
      canvas.text(String(count), left + (predicted + 0.5) * CELL, top + (truth + 0.5) * CELL + 4, { color });
    });
  });
}
