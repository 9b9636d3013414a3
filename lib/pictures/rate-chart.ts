import { minimum } from "../extremes.js";
import type { RateSearch } from "../train/rate-search.js";
import { Canvas, FAINT, INK, RIGHT } from "./canvas.js";

const [WIDTH, HEIGHT] = [720, 420];
const PLOT = { left: 64, right: WIDTH - 24, top: 48, bottom: HEIGHT - 56 };
const GRID = "#e6e8eb";
const LINE = "#0969da";
const PALE = "#b6d4f7";
const TICKS = 5;
/** Of the losses, what an explosion adds at the end is cut off at so much above the first. */
const HEADROOM = 0.15;

/** The losses of a learning rate range test over its rates, with the suggestion. As PNG. */
export async function renderRateChart({ rates, losses, smoothed, suggestion }: RateSearch): Promise<Buffer> {
  const canvas = new Canvas();
  const [low, high] = rangeOf(losses, smoothed);
  const [first = 1, last = 1] = [rates[0], rates.at(-1)];
  const x = (rate: number) =>
    PLOT.left + ((PLOT.right - PLOT.left) * Math.log(rate / first)) / Math.log(last / first || 2);
  const y = (loss: number) => {
    const share = Math.min(1, Math.max(0, (loss - low) / (high - low)));
    return PLOT.bottom - (PLOT.bottom - PLOT.top) * share;
  };
  drawAxes(canvas, { first, last, low, high }, x, y);
  const points = (values: readonly number[]) =>
    rates.map((rate, i) => [x(rate), y(values[i] ?? NaN)] as const);
  canvas.line(points(losses), PALE, 1);
  canvas.line(points(smoothed), LINE, 2);
  const at = rates.findIndex((rate) => rate >= suggestion);
  canvas.line(
    [
      [x(suggestion), PLOT.top],
      [x(suggestion), PLOT.bottom],
    ],
    RIGHT,
    1,
  );
  canvas.circle(x(suggestion), y(smoothed[at] ?? NaN), 5, RIGHT);
  canvas.text(`suggested ${writeRate(suggestion)}`, x(suggestion) + 8, PLOT.top + 14, {
    color: RIGHT,
    anchor: "start",
    bold: true,
  });
  return canvas.png(WIDTH, HEIGHT);
}

/** "0.0012" */
export function writeRate(rate: number): string {
  return String(Number(rate.toPrecision(2)));
}

/** Of ten. */
function writePower(power: number): string {
  return power < -3 ? `1e${power}` : String(Number((10 ** power).toPrecision(1)));
}

function rangeOf(losses: readonly number[], smoothed: readonly number[]): [number, number] {
  const low = minimum([...losses, ...smoothed]);
  const start = smoothed[0] ?? low;
  const high = start + HEADROOM * Math.max(start - low, Math.abs(start) / 10, 1e-6);
  return [low - (high - low) / 20, high];
}

function drawAxes(
  canvas: Canvas,
  { first, last, low, high }: Record<"first" | "last" | "low" | "high", number>,
  x: (rate: number) => number,
  y: (loss: number) => number,
): void {
  canvas.text("Loss over the learning rate", PLOT.left, 26, { anchor: "start", size: 15, bold: true });
  for (let power = Math.ceil(Math.log10(first) - 1e-9); power <= Math.log10(last) + 1e-9; power += 1) {
    const place = x(10 ** power);
    canvas.line(
      [
        [place, PLOT.top],
        [place, PLOT.bottom],
      ],
      GRID,
      1,
    );
    canvas.text(writePower(power), place, PLOT.bottom + 18, { color: FAINT });
  }
  for (let tick = 0; tick <= TICKS; tick += 1) {
    const loss = low + ((high - low) * tick) / TICKS;
    canvas.line(
      [
        [PLOT.left, y(loss)],
        [PLOT.right, y(loss)],
      ],
      GRID,
      1,
    );
    canvas.text(loss.toPrecision(3), PLOT.left - 8, y(loss) + 4, { color: FAINT, anchor: "end" });
  }
  canvas.text("learning rate", (PLOT.left + PLOT.right) / 2, HEIGHT - 14, { color: INK });
}
