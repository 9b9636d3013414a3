import sharp, { type OverlayOptions } from "sharp";
import { HEAT_COLORS, renderHeatMap, type ChannelMap, type RgbImage } from "./heat-map.js";

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
const RIGHT = "#1a7f37";
const WRONG = "#cf222e";
const INK = "#1f2328";
const FONT = 'font-family="DejaVu Sans, Liberation Sans, Arial, sans-serif"';

/**
 * A PNG with one row per image: the image, then, under each heading, the heat maps of its class's channels side by
 * side, coloured relative to the strongest of them. A green line marks images that the model classifies right, a red
 * one those that it does not. Text needs a font on the machine; the rest of the picture does not.
 */
export async function renderChannelSheet(
  headings: readonly string[],
  rows: readonly SheetRow[],
): Promise<Buffer> {
  const channels = Math.max(...rows.flatMap((row) => row.groups.map((group) => group.maps.length)));
  const groupWidth = channels * CELL + (channels - 1) * GAP;
  const groupLeft = (index: number) => MARGIN + IMAGE_COLUMN + GROUP_GAP + index * (groupWidth + GROUP_GAP);
  const rowTop = (index: number) => HEADER + index * (CELL + CAPTION);
  const width = groupLeft(headings.length) - GROUP_GAP + MARGIN;
  const height = rowTop(rows.length) + LEGEND;
  const pieces: OverlayOptions[] = [];
  const text: string[] = headings.map((heading, i) =>
    label(heading, groupLeft(i) + groupWidth / 2, 28, 17, INK),
  );

  for (const [r, row] of rows.entries()) {
    const top = rowTop(r);
    pieces.push(await place(row.image, MARGIN + (IMAGE_COLUMN - CELL) / 2, top));
    row.labels.forEach((line, l) => {
      text.push(label(line, MARGIN + IMAGE_COLUMN / 2, top + CELL + 13 + 13 * l, 11, INK));
    });
    for (const [g, group] of row.groups.entries()) {
      const strongest = Math.max(...group.maps.flatMap((map) => Array.from(map.data)));
      for (const [m, map] of group.maps.entries()) {
        const heat = await renderHeatMap(map, row.image, strongest, CELL);
        pieces.push(await place(heat, groupLeft(g) + m * (CELL + GAP), top));
      }
      const color = group.correct ? RIGHT : WRONG;
      text.push(
        `<rect x="${groupLeft(g)}" y="${top + CELL + 2}" width="${groupWidth}" height="3" fill="${color}"/>`,
      );
      text.push(label(group.label, groupLeft(g) + groupWidth / 2, top + CELL + 18, 11, color));
    }
  }
  text.push(legend(MARGIN, height - LEGEND + 12));
  const overlay = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${text.join("")}</svg>`;
  return sharp({ create: { width, height, channels: 3, background: "#fff" } })
    .composite([...pieces, { input: Buffer.from(overlay), left: 0, top: 0 }])
    .png({ palette: true, quality: 90 })
    .toBuffer();
}

async function place({ data, width, height }: RgbImage, left: number, top: number): Promise<OverlayOptions> {
  const input = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(CELL, CELL, { fit: "fill", kernel: "cubic" })
    .png()
    .toBuffer();
  return { input, left, top };
}

function label(text: string, x: number, y: number, size: number, color: string): string {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}" ${FONT} font-size="${size}" text-anchor="middle" fill="${color}">${escaped}</text>`;
}

/** A bar of the colours, weak to strong. */
function legend(x: number, y: number): string {
  const stops = [0, 64, 128, 192, 255].map((level) => {
    return `<stop offset="${level / 255}" stop-color="rgb(${(HEAT_COLORS[level] ?? [0, 0, 0]).join()})"/>`;
  });
  return (
    `<defs><linearGradient id="heat">${stops.join("")}</linearGradient></defs>` +
    `<rect x="${x}" y="${y}" width="${CELL}" height="10" fill="url(#heat)"/>` +
    label("weak", x + 14, y + 24, 11, INK) +
    label("strong", x + CELL - 18, y + 24, 11, INK)
  );
}
