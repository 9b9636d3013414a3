import type { OverlayOptions } from "sharp";
import type { RgbImage } from "../image/rgb-image.js";
import { loadSharp } from "../image/sharp.js";
import { HEAT_COLORS } from "./heat-map.js";

export interface TextStyle {
  /** Default 11. */
  size?: number;
  color?: string;
  /** What `x` is of the text. Default "middle". */
  anchor?: "start" | "middle" | "end";
  bold?: boolean;
  /** Pixels that the text may take: longer text ends in "…". */
  width?: number;
  /** Whether it runs upwards from its point. Default false. */
  upwards?: boolean;
}

export const INK = "#1f2328";
export const FAINT = "#656d76";
export const RIGHT = "#1a7f37";
export const WRONG = "#cf222e";
const FONT = 'font-family="DejaVu Sans, Liberation Sans, Arial, sans-serif"';
/** Mean width of a letter, in font sizes, in the widest of these fonts. */
const LETTER = 0.6;
const BAR = 120;

/**
 * A white page with images, rectangles and text. Text needs a font on the machine: without one it is left out, and the
 * rest of the picture stays.
 */
export class Canvas {
  readonly #images: OverlayOptions[] = [];
  readonly #shapes: string[] = [];

  image({ data, width, height }: RgbImage, left: number, top: number): void {
    const input = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    this.#images.push({ input, raw: { width, height, channels: 3 }, left, top });
  }

  rectangle(x: number, y: number, width: number, height: number, color: string): void {
    this.#shapes.push(`<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${color}"/>`);
  }

  /** @param points [x, y], which are joined */
  line(points: readonly (readonly [number, number])[], color: string, width = 1.5): void {
    const path = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
    this.#shapes.push(
      `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="${width}" stroke-linejoin="round"/>`,
    );
  }

  circle(x: number, y: number, radius: number, color: string): void {
    this.#shapes.push(`<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${radius}" fill="${color}"/>`);
  }

  /** @param y of the baseline */
  text(text: string, x: number, y: number, style: TextStyle = {}): void {
    const { size = 11, color = INK, anchor = "middle", bold = false, width = Infinity, upwards } = style;
    const content = escapeXml(shorten(text, Math.floor(width / (LETTER * size))));
    const weight = bold ? ' font-weight="bold"' : "";
    const turn = upwards ? ` transform="rotate(-90 ${x} ${y})"` : "";
    this.#shapes.push(
      `<text x="${x}" y="${y}" ${FONT} font-size="${size}"${weight} text-anchor="${anchor}" fill="${color}"${turn}>${content}</text>`,
    );
  }

  /** A bar of the heat maps' colours, weak to strong, with a word at each end below it. */
  heatBar(x: number, y: number, weak: string, strong: string): void {
    const stops = [0, 64, 128, 192, 255].map((level) => {
      return `<stop offset="${level / 255}" stop-color="rgb(${(HEAT_COLORS[level] ?? [0, 0, 0]).join()})"/>`;
    });
    this.#shapes.push(`<defs><linearGradient id="heat">${stops.join("")}</linearGradient></defs>`);
    this.rectangle(x, y, BAR, 10, "url(#heat)");
    this.text(weak, x, y + 24, { anchor: "start" });
    this.text(strong, x + BAR, y + 24, { anchor: "end" });
  }

  /** The page as PNG. */
  async png(width: number, height: number): Promise<Buffer> {
    const sharp = await loadSharp();
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${this.#shapes.join("")}</svg>`;
    return sharp({ create: { width, height, channels: 3, background: "#fff" } })
      .composite([...this.#images, { input: Buffer.from(svg), left: 0, top: 0 }])
      .png({ palette: true, quality: 90 })
      .toBuffer();
  }
}

/** Pixels that a text needs in any of the fonts. */
export function textWidth(text: string, size: number): number {
  return Math.ceil(Array.from(text).length * LETTER * size);
}

function shorten(text: string, letters: number): string {
  const all = Array.from(text);
  return all.length <= letters ? text : `${all.slice(0, Math.max(1, letters - 1)).join("")}…`;
}

/** Control characters are not allowed in XML, not even escaped. */
function escapeXml(text: string): string {
  const printable = text.replace(/\p{Cc}|\p{Cs}/gu, "\uFFFD");
  return printable.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
