import { Presets, SingleBar } from "cli-progress";

/** Shows how far something is: a bar with ETA on a terminal, plain lines elsewhere. All of it goes to stderr. */
export interface Progress {
  update(done: number, text?: string): void;
  stop(): void;
}

const LINES_PER_TASK = 4;
const LATE_MS = 2000;

export function startProgress(label: string, total: number): Progress {
  return process.stderr.isTTY ? new BarProgress(label, total) : new LineProgress(label, total);
}

/** A bar on a terminal for steps that take over two seconds; nothing elsewhere. */
export function lateProgress(): {
  onProgress: (step: string, done: number, total: number) => void;
  stop: () => void;
} {
  let current: { step: string; since: number; bar?: Progress } | undefined;
  const stop = () => current?.bar?.stop();
  return {
    stop,
    onProgress(step, done, total) {
      if (!process.stderr.isTTY) return;
      if (current?.step !== step) {
        stop();
        current = { step, since: Date.now() };
      }
      if (!current.bar && Date.now() - current.since < LATE_MS) return;
      current.bar ??= startProgress(step, total);
      current.bar.update(done);
    },
  };
}

/** One line of information, kept on the screen. */
export function printLine(text: string): void {
  // A bar may be there, which is then drawn anew below.
  process.stderr.write(process.stderr.isTTY ? `\r\u001B[K${text}\n` : `${text}\n`);
}

class BarProgress implements Progress {
  readonly #bar: SingleBar;

  constructor(label: string, total: number) {
    const format = `${label} {bar} {percentage}% · ETA {eta_formatted} {text}`;
    this.#bar = new SingleBar(
      {
        format,
        stream: process.stderr,
        hideCursor: true,
        clearOnComplete: true,
        barsize: 24,
        etaBuffer: 200,
      },
      Presets.shades_classic,
    );
    this.#bar.start(total, 0, { text: "" });
  }

  update(done: number, text?: string): void {
    this.#bar.update(done, text === undefined ? {} : { text: `· ${text}` });
  }

  stop(): void {
    this.#bar.stop();
  }
}

class LineProgress implements Progress {
  readonly #label: string;
  readonly #total: number;
  #quarter = 0;

  constructor(label: string, total: number) {
    this.#label = label;
    this.#total = total;
  }

  update(done: number, text?: string): void {
    const quarter = Math.floor((done / this.#total) * LINES_PER_TASK);
    if (quarter <= this.#quarter) return;
    this.#quarter = quarter;
    printLine(
      `${this.#label} ${Math.round((100 * done) / this.#total)} %${text === undefined ? "" : ` · ${text}`}`,
    );
  }

  stop(): void {
    // Nothing to clear.
  }
}
