import { encodedImageOf, trimOf, type Sample } from "../data/dataset.js";
import { maximum } from "../extremes.js";
import type { ImageLimits } from "../image/limits.js";
import { className } from "../models/class-name.js";
import { groupsOf } from "../models/groups-of.js";
import type { Model } from "../models/model.js";
import { Canvas, FAINT, RIGHT, WRONG } from "../pictures/canvas.js";
import { partColor } from "../pictures/part-colors.js";
import type { Excitation } from "./exciting-images.js";
import type { Background } from "./background.js";
import { fitInto } from "./sheet-size.js";
import { lookAt } from "./image-activations.js";
import { heatTile, readTile } from "./tiles.js";

const MARGIN = 24;
const GAP = 8;
const TITLE = 44;
const ROW_TITLE = 26;
const CAPTION = 34;
const LEGEND = 44;
const NO_IMAGE = 24;

/** See renderClassSheet(). */
export async function drawClassSheet(
  model: Model,
  classIndex: number,
  exciting: readonly (readonly Excitation[])[],
  { width, limits, background }: { width: number; limits: ImageLimits; background: Background },
): Promise<Buffer> {
  const { start, count } = groupsOf(model).channelsOf(classIndex);
  const rows = Array.from({ length: count }, (_, place) => exciting[start + place] ?? []);
  const columns = Math.max(1, maximum(rows.map((row) => row.length)));
  const cell = Math.floor((width - 2 * MARGIN + GAP) / Math.max(columns, LEAST_COLUMNS)) - GAP;
  const canvas = new Canvas();
  const name = className(model.info.classNames, classIndex);
  const title = `${name}: the images that excite its channels most`;
  canvas.text(title, MARGIN, 28, { size: 17, anchor: "start", bold: true, width: width - 2 * MARGIN });
  let top = TITLE;
  for (const [place, row] of rows.entries()) {
    canvas.rectangle(MARGIN, top + 4, 12, 12, `rgb(${partColor(place).join()})`);
    canvas.text(`channel ${start + place}`, MARGIN + 18, top + 15, { size: 13, anchor: "start", bold: true });
    top += ROW_TITLE;
    if (row.length === 0) {
      canvas.text("nowhere above 0 on these images", MARGIN, top + 12, { anchor: "start", color: FAINT });
      top += NO_IMAGE;
      continue;
    }
    await drawRow(canvas, model, { classIndex, place, row, cell, top, limits, background });
    top += cell + CAPTION;
  }
  canvas.heatBar(MARGIN, top + 8, "0", "strongest");
  const legend = "Each row has a scale of its own. Green: images of the class; red: of another.";
  canvas.text(legend, MARGIN + 144, top + 17, {
    anchor: "start",
    color: FAINT,
    width: width - 2 * MARGIN - 144,
  });
  return await canvas.png(width, top + LEGEND);
}

/** Few images are not made larger than these many side by side. */
const LEAST_COLUMNS = 4;

interface Row {
  classIndex: number;
  /** Of the channel in its class. */
  place: number;
  row: readonly Excitation[];
  cell: number;
  top: number;
  limits: ImageLimits;
  background: Background;
}

async function drawRow(canvas: Canvas, model: Model, { row, top, ...drawn }: Row): Promise<void> {
  const { classIndex, cell } = drawn;
  const strongest = row[0]?.activation ?? 0;
  for (const [column, { sample, activation }] of row.entries()) {
    const left = MARGIN + column * (cell + GAP);
    const { tile, width, height } = await excitedTile(model, sample, { ...drawn, strongest });
    canvas.image(tile, left + Math.floor((cell - width) / 2), top + Math.floor((cell - height) / 2));
    const color = sample.label === classIndex ? RIGHT : WRONG;
    canvas.rectangle(left, top + cell + 2, cell, 3, color);
    const middle = left + cell / 2;
    canvas.text(className(model.info.classNames, sample.label), middle, top + cell + 17, {
      color,
      width: cell,
    });
    canvas.text(activation.toPrecision(3), middle, top + cell + 29, { size: 9, color: FAINT });
  }
}

async function excitedTile(
  model: Model,
  sample: Sample,
  {
    classIndex,
    place,
    cell,
    limits,
    background,
    strongest,
  }: Omit<Row, "row" | "top"> & { strongest: number },
) {
  const image = encodedImageOf(sample, limits);
  const size = fitInto(await image.header(), { width: cell, height: cell });
  const trim = trimOf(sample);
  const { classes, seen } = await lookAt(model, { image, trim, size, choose: () => [classIndex] });
  const map = classes[0]?.channels[place] ?? new Float32Array();
  return { tile: heatTile(await readTile(image, size, background), map, strongest, seen), ...size };
}
