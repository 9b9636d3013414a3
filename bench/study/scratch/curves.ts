import { writeFile } from "node:fs/promises";
import { Canvas, FAINT } from "#lib/pictures/canvas.js";
import { maximum, minimum } from "#lib/extremes.js";
import { armOf } from "./arms.js";
import type { ScratchResult } from "./results.js";

const PANEL = { width: 300, height: 190 };
const MARGIN = { left: 52, top: 58, right: 20, bottom: 40 };
const LEGEND = 22;
const TICKS = 4;
const GRID = "#e6e8eb";
/** Okabe and Ito's, which are told apart with any kind of colour vision. */
const COLORS = ["#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"];

interface Line {
  color: string;
  /** [epoch, figure] */
  points: (readonly [number, number])[];
}

interface Panel {
  title: string;
  linesOf: (run: ScratchResult) => Line["points"];
}

const PANELS: readonly Panel[] = [
  { title: "training: cross-entropy", linesOf: ({ curves }) => numbered(curves.train.crossEntropy) },
  { title: "training: L_dis", linesOf: ({ curves }) => numbered(curves.train.discriminality) },
  { title: "training: L_div", linesOf: ({ curves }) => numbered(curves.train.diversity) },
  { title: "test: accuracy, %", linesOf: ({ curves }) => judged(curves.held, "accuracy", 100) },
  { title: "test: L_dis", linesOf: ({ curves }) => judged(curves.held, "discriminality") },
  { title: "test: L_div", linesOf: ({ curves }) => judged(curves.held, "diversity") },
];
const COLUMNS = 3;

/** Draws the learning curves of runs beside one another. @param path of the PNG */
export async function drawCurves(path: string, runs: readonly ScratchResult[]): Promise<void> {
  const canvas = new Canvas();
  const pitch = { x: PANEL.width + MARGIN.left + MARGIN.right, y: PANEL.height + MARGIN.top + MARGIN.bottom };
  runs.forEach(({ arm }, index) => {
    const x = MARGIN.left + index * 210;
    canvas.rectangle(x, LEGEND - 8, 18, 4, COLORS[index % COLORS.length] ?? "");
    canvas.text(armOf(arm).title, x + 24, LEGEND, { anchor: "start", size: 12 });
  });
  PANELS.forEach((panel, index) => {
    const left = (index % COLUMNS) * pitch.x + MARGIN.left;
    const top = Math.floor(index / COLUMNS) * pitch.y + MARGIN.top;
    const lines = runs.map((run, place) => ({
      color: COLORS[place % COLORS.length] ?? "",
      points: panel.linesOf(run),
    }));
    drawPanel(canvas, panel.title, lines, left, top);
  });
  await writeFile(path, await canvas.png(COLUMNS * pitch.x, Math.ceil(PANELS.length / COLUMNS) * pitch.y));
}

function drawPanel(canvas: Canvas, title: string, lines: readonly Line[], left: number, top: number): void {
  canvas.text(title, left, top - 10, { anchor: "start", size: 13, bold: true });
  const points = lines.flatMap((line) => line.points);
  if (points.length === 0) return;
  const figures = points.map(([, figure]) => figure);
  const [low, high] = [Math.min(0, minimum(figures)), maximum(figures) || 1];
  const epochs = maximum(points.map(([epoch]) => epoch));
  const x = (epoch: number) => left + (PANEL.width * epoch) / epochs;
  const y = (figure: number) => top + PANEL.height * (1 - (figure - low) / (high - low));
  for (let tick = 0; tick <= TICKS; tick += 1) {
    const figure = low + ((high - low) * tick) / TICKS;
    canvas.line(
      [
        [left, y(figure)],
        [left + PANEL.width, y(figure)],
      ],
      GRID,
      1,
    );
    canvas.text(String(Number(figure.toPrecision(2))), left - 8, y(figure) + 4, {
      color: FAINT,
      anchor: "end",
    });
    const epoch = Math.round((epochs * tick) / TICKS);
    canvas.text(String(epoch), x(epoch), top + PANEL.height + 16, { color: FAINT });
  }
  for (const line of lines) {
    canvas.line(
      line.points.map(([epoch, figure]) => [x(epoch), y(figure)]),
      line.color,
      2,
    );
  }
  canvas.text("epoch", left + PANEL.width / 2, top + PANEL.height + 32, { color: FAINT });
}

function numbered(figures: readonly (number | null)[] = []): Line["points"] {
  return figures.flatMap((figure, index) => (figure === null ? [] : [[index + 1, figure] as const]));
}

function judged(
  held: ScratchResult["curves"]["held"],
  name: "accuracy" | "discriminality" | "diversity",
  factor = 1,
): Line["points"] {
  return (held[name] ?? []).flatMap((figure, index) =>
    figure === null ? [] : [[held.epochs[index] ?? 0, factor * figure] as const],
  );
}
