import { SingleBar } from "cli-progress";
import { duration } from "../report/format.js";
import { progressLine } from "./progress-line.js";

/** Shows how far something is: a bar with ETA on a terminal, plain lines elsewhere. All of it goes to stderr. */
export interface Progress {
  /** @param facts what else is known, the most telling first; those that do not fit the line are left out */
  update(done: number, facts?: readonly string[]): void;
  stop(): void;
}

const LINES_PER_TASK = 4;
const LATE_MS = 2000;

let quiet = false;

/** Shows nothing from now on: of several processes that train together, one shows how it goes. */
export function beQuiet(): void {
  quiet = true;
}

/** Whether it goes to a terminal, which shows bars. */
export function showsBars(): boolean {
  return process.stderr.isTTY && !quiet;
}

/** @param done how much was done before: the time that is left is told by the rest alone */
export function startProgress(label: string, total: number, done = 0): Progress {
  return showsBars() ? new BarProgress(label, total, done) : new LineProgress(label, total);
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
      if (!showsBars()) return;
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

const drawn = new Set<Progress>();

/** Of what ended with an error, whose bars would keep the process alive. */
export function stopBars(): void {
  for (const bar of drawn) bar.stop();
}

/** One line of information, kept on the screen. */
export function printLine(text: string): void {
  if (quiet) return;
  if (!process.stderr.isTTY) process.stderr.write(`${text}\n`);
  else process.stderr.write(drawn.size > 0 ? aboveBar(text) : `${text}\n`);
}

/** The bar's line is cleared for the text, which may wrap; the bar is drawn anew, and ends, below it. */
function aboveBar(text: string): string {
  const [clear, wrap, cut, remember] = ["\r\u001B[K", "\u001B[?7h", "\u001B[?7l", "\u001B7"];
  return `${clear}${wrap}${text}\n${cut}${remember}`;
}

class BarProgress implements Progress {
  readonly #bar: SingleBar;
  // Whatever ends the process, the cursor is shown again.
  readonly #end = () => this.stop();

  constructor(label: string, total: number, done: number) {
    this.#bar = new SingleBar({
      format: (_options, { progress: share, eta, maxWidth }, { facts }: { facts: readonly string[] }) =>
        progressLine({ label, share, left: leftOf(eta), facts }, maxWidth),
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
      etaBuffer: 200,
    });
    this.#bar.start(total, done, { facts: [] });
    process.once("exit", this.#end);
    drawn.add(this);
  }

  update(done: number, facts?: readonly string[]): void {
    this.#bar.update(done, facts ? { facts } : {});
  }

  stop(): void {
    if (!drawn.delete(this)) return;
    this.#bar.stop();
    process.off("exit", this.#end);
  }
}

/** @param eta in seconds; words where it is not known */
function leftOf(eta: unknown): string {
  return duration(typeof eta === "number" ? eta : undefined);
}

class LineProgress implements Progress {
  readonly #label: string;
  readonly #total: number;
  #quarter = 0;

  constructor(label: string, total: number) {
    this.#label = label;
    this.#total = total;
  }

  update(done: number, facts: readonly string[] = []): void {
    const quarter = Math.floor((done / this.#total) * LINES_PER_TASK);
    if (quarter <= this.#quarter) return;
    this.#quarter = quarter;
    printLine([`${this.#label} ${Math.round((100 * done) / this.#total)} %`, ...facts].join(" · "));
  }

  stop(): void {
    // Nothing to clear.
  }
}
