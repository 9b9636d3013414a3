import type { ImageHeader } from "../image/inspect-image.js";
import type { Size } from "../image/geometry.js";
import { groupsOf } from "../models/groups-of.js";
import type { Model } from "../models/model.js";
import { Canvas, FAINT } from "../pictures/canvas.js";
import type { RgbImage } from "../image/rgb-image.js";
import { partColor } from "../pictures/part-colors.js";
import type { ClassScore } from "../models/prediction.js";
import type { Background } from "./background.js";
import type { CamMethod } from "./class-activation-map.js";
import { fitInto } from "./sheet-size.js";
import type { ClassActivations, ImageActivations } from "./image-activations.js";
import { heatTile, imageTile, partsTile, type TileImage } from "./tiles.js";
import { maximum } from "../extremes.js";

const MARGIN = 24;
const GAP = 8;
const PANEL_GAP = 32;
const TITLE = 40;
const PANEL_TITLE = 30;
const ROW_TITLE = 26;
const CAPTION = 26;
const ROW_GAP = 14;
const LEGEND = 64;
/** Beside the channels: their maximum, the parts and the class activation map. */
const OTHER_TILES = 3;
/** No image is more than this many times as high as its tile is wide. */
const TALLEST = 1.5;

/** Where things are on the sheet of an image. */
export interface SheetLayout {
  width: number;
  tile: Size;
  /** Tiles side by side in a model's panel, and how far one begins from the other. */
  columns: number;
  pitch: number;
  panelWidth: number;
}

/** As few lines of tiles as fit, with equally many in each. */
export function layOut(width: number, models: readonly Model[], image: ImageHeader): SheetLayout {
  const blocks = models.flatMap((model) => groupsOf(model).blocks);
  const most = maximum(blocks.map(({ channels }) => channels));
  const tiles = most + OTHER_TILES;
  const lines = Math.ceil(tiles / (models.length > 1 ? 4 : 7));
  const columns = Math.ceil(tiles / lines);
  const gaps = PANEL_GAP * models.length + GAP * (columns - 1) * models.length;
  const cell = Math.floor((width - 2 * MARGIN - gaps) / (1 + columns * models.length));
  const tile = fitInto(image, { width: cell, height: TALLEST * cell });
  const pitch = cell + GAP;
  return { width, tile, columns, pitch, panelWidth: columns * pitch - GAP };
}

/** What one model sees. */
export interface SheetPanel {
  look: ImageActivations;
  /** What the model is called. */
  label: string;
  method: CamMethod;
}

/** One sheet on its way onto a canvas. */
export class SheetDrawing {
  readonly #canvas = new Canvas();
  readonly #layout: SheetLayout;
  readonly #image: TileImage;
  readonly #title: string;
  readonly #background: Background;

  constructor(layout: SheetLayout, image: TileImage, title: string, background: Background) {
    this.#layout = layout;
    this.#image = image;
    this.#title = title;
    this.#background = background;
  }

  draw(panels: readonly SheetPanel[]): Promise<Buffer> {
    const { width, tile, pitch, panelWidth } = this.#layout;
    const left = MARGIN + pitch - GAP + PANEL_GAP;
    this.#canvas.text(this.#title, MARGIN, 28, {
      size: 17,
      anchor: "start",
      bold: true,
      width: width - 2 * MARGIN,
    });
    const [first] = panels;
    const imageTop = TITLE + PANEL_TITLE + ROW_TITLE;
    if (this.#background === "none") {
      const style = { color: FAINT, width: tile.width };
      this.#canvas.text("image not shown", MARGIN + tile.width / 2, imageTop + tile.height / 2, style);
    } else if (first) {
      this.#canvas.image(imageTile(this.#image, first.look.seen), MARGIN, imageTop);
    }
    const bottoms = panels.map((panel, i) => this.#panel(panel, left + i * (panelWidth + PANEL_GAP)));
    const top = Math.max(maximum(bottoms), imageTop + tile.height);
    this.#legend(top);
    return this.#canvas.png(width, top + LEGEND);
  }

  /** What one model sees; gives where it ends. */
  #panel({ look, label, method }: SheetPanel, left: number): number {
    const { panelWidth } = this.#layout;
    const [best] = look.ranked;
    const predicted = best ? `${label}: predicts ${best.name} (${percent(best.probability)})` : label;
    this.#canvas.text(predicted, left, TITLE + 18, { size: 14, anchor: "start", width: panelWidth });
    let top = TITLE + PANEL_TITLE;
    // One scale for all, so that a rival's weaker channels look weaker.
    const scale = {
      channels: maximum(look.classes.flatMap(({ channels }) => channels.map(largest))),
      cam: maximum(look.classes.map(({ cam }) => largest(cam))),
    };
    for (const [position, shown] of look.classes.entries()) {
      const role = roleOf(position, shown, best);
      this.#rowTitle(shown, role, left, top);
      const tiles = tilesOf(this.#image, shown, look.seen, method, scale);
      top = this.#row(tiles, left, top + ROW_TITLE) + ROW_GAP;
    }
    return top;
  }

  #rowTitle(shown: ClassActivations, role: string, left: number, top: number): void {
    const { start, channels, name, probability } = shown;
    const numbers =
      channels.length > 1 ? `channels ${start}–${start + channels.length - 1}` : `channel ${start}`;
    const text = `${role}: ${name} · ${percent(probability)} · ${numbers}`;
    this.#canvas.text(text, left, top + 16, {
      size: 13,
      anchor: "start",
      bold: true,
      width: this.#layout.panelWidth,
    });
  }

  /** Gives where it ends. */
  #row(tiles: readonly Tile[], left: number, top: number): number {
    const { columns, pitch, tile } = this.#layout;
    tiles.forEach(({ picture, caption, color }, index) => {
      const x = left + (index % columns) * pitch;
      const y = top + Math.floor(index / columns) * (tile.height + CAPTION);
      this.#canvas.image(picture, x, y);
      this.#canvas.text(caption, x + tile.width / 2, y + tile.height + 18, { width: pitch });
      if (color) this.#canvas.rectangle(x, y + tile.height + 2, tile.width, 4, `rgb(${color.join()})`);
    });
    return top + Math.ceil(tiles.length / columns) * (tile.height + CAPTION);
  }

  #legend(top: number): void {
    this.#canvas.heatBar(MARGIN, top + 8, "0", "strongest");
    LEGEND_LINES.forEach((line, i) => {
      this.#canvas.text(line, MARGIN + 144, top + 17 + 14 * i, {
        anchor: "start",
        color: FAINT,
        width: this.#layout.width - 2 * MARGIN - 144,
      });
    });
  }
}

interface Tile {
  picture: RgbImage;
  caption: string;
  /** Of the line under it. */
  color?: readonly number[];
}

/** A class's channels, their maximum, the parts and the class activation map. */
function tilesOf(
  image: TileImage,
  { channels, start, cam }: ClassActivations,
  seen: Float32Array,
  method: CamMethod,
  strongest: { channels: number; cam: number },
): Tile[] {
  const heat = (map: Float32Array) => heatTile(image, map, strongest.channels, seen);
  return [
    ...channels.map((map, i) => ({
      picture: heat(map),
      caption: captionOf(`channel ${start + i}`, map),
      color: partColor(i),
    })),
    { picture: heat(largestOfEach(channels)), caption: "max of the channels" },
    { picture: partsTile(image, channels, strongest.channels, seen), caption: "parts: which wins" },
    { picture: heatTile(image, cam, strongest.cam, seen), caption: captionOf(method, cam) },
  ];
}

/** A map without heat looks broken where nothing says why. */
export function captionOf(name: string, map: Float32Array): string {
  return largest(map) > 0 ? name : `${name}: 0 everywhere`;
}

const LEGEND_LINES = [
  "One scale for all channels of a model, another for its class activation maps.",
  "Parts have the colours of the lines under the channels.",
  "Pale: what the model did not see.",
];

function roleOf(position: number, shown: ClassScore, best: ClassScore | undefined): string {
  if (shown.index === best?.index) return "predicted";
  return position === 0 ? "class" : `rival ${position}`;
}

function largest(map: Float32Array): number {
  return Math.max(0, maximum(map));
}

function largestOfEach(maps: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(), ...others] = maps;
  return first.map((value, place) => others.reduce((most, map) => Math.max(most, map[place] ?? 0), value));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
