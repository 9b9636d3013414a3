import { Canvas, RIGHT, WRONG } from "./canvas.js";
import { resizeImage, type RgbImage } from "../image/rgb-image.js";
import { renderHeatMap, type ChannelMap } from "./heat-map.js";
import { maximum } from "../extremes.js";

/** One image and what each model's channels of its class look at. */
export interface SheetRow {
  image: RgbImage;
  /** Two lines under the image. */
  labels: readonly [string, string];
  /** One per heading. */
  groups: { maps: ChannelMap[]; correct: boolean; label: string }[];
}

const CELL = 120;
const GAP = 8;
const GROUP_GAP = 28;
const MARGIN = 24;
// The image's column is wider than the image, for the lines under it.
const IMAGE_COLUMN = 176;
const HEADER = 44;
const CAPTION = 36;
const LEGEND = 44;

/**
 * A PNG with one row per image: the image, then, under each heading, the heat maps of its class's channels side by
 * side, coloured relative to the strongest of them. A green line marks images that the model classifies right, a red
 * one those that it does not. Text needs a font on the machine; the rest of the picture does not.
 */
export async function renderChannelSheet(
  headings: readonly string[],
  rows: readonly SheetRow[],
): Promise<Buffer> {
  const channels = maximum(rows.flatMap((row) => row.groups.map((group) => group.maps.length)));
  const groupWidth = channels * CELL + (channels - 1) * GAP;
  const groupLeft = (index: number) => MARGIN + IMAGE_COLUMN + GROUP_GAP + index * (groupWidth + GROUP_GAP);
  const rowTop = (index: number) => HEADER + index * (CELL + CAPTION);
  const width = groupLeft(headings.length) - GROUP_GAP + MARGIN;
  const height = rowTop(rows.length) + LEGEND;
  const canvas = new Canvas();
  headings.forEach((heading, i) => {
    canvas.text(heading, groupLeft(i) + groupWidth / 2, 28, { size: 17 });
  });

  for (const [r, row] of rows.entries()) {
    const top = rowTop(r);
    canvas.image(
      await resizeImage(row.image, { width: CELL, height: CELL }, "cubic"),
      MARGIN + (IMAGE_COLUMN - CELL) / 2,
      top,
    );
    row.labels.forEach((line, l) => {
      canvas.text(line, MARGIN + IMAGE_COLUMN / 2, top + CELL + 13 + 13 * l);
    });
    for (const [g, group] of row.groups.entries()) {
      const strongest = maximum(group.maps.map((map) => maximum(Array.from(map.data))));
      for (const [m, map] of group.maps.entries()) {
        const heat = await renderHeatMap(map, row.image, strongest, CELL);
        canvas.image(heat, groupLeft(g) + m * (CELL + GAP), top);
      }
      const color = group.correct ? RIGHT : WRONG;
      canvas.rectangle(groupLeft(g), top + CELL + 2, groupWidth, 3, color);
      canvas.text(group.label, groupLeft(g) + groupWidth / 2, top + CELL + 18, { color });
    }
  }
  canvas.heatBar(MARGIN, height - LEGEND + 12, "weak", "strong");
  return canvas.png(width, height);
}
