import type { Reporter } from "../reporter.js";
import { printLine, startProgress, type Progress } from "./progress.js";

/** Nobody should wonder for longer whether it still works. */
const SILENCE_MS = 2000;
const FRAME_MS = 100;
const FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";

interface Step {
  label: string;
  total: number | undefined;
  done: number;
  since: number;
  timer: NodeJS.Timeout;
  bar?: Progress;
}

/** Shows what setup does: a line that moves on a terminal; elsewhere plain lines, one every two seconds at least. */
export function consoleReporter(): Reporter {
  const isTerminal = process.stderr.isTTY;
  let step: Step | undefined;

  function stop(): void {
    if (!step) return;
    clearInterval(step.timer);
    step.bar?.stop();
    if (isTerminal && !step.bar) process.stderr.write("\r\u001B[K");
    step = undefined;
  }

  function tick(): void {
    if (!step || step.bar) return;
    if (isTerminal) process.stderr.write(`\r\u001B[K${frameAt(step.since)} ${elapsed(step)}`);
    else process.stderr.write(`${elapsed(step)}\n`);
  }

  return {
    start(label, total) {
      stop();
      const timer = setInterval(tick, isTerminal ? FRAME_MS : SILENCE_MS);
      // What fails must not be kept alive by what it showed.
      timer.unref();
      step = { label, total, done: 0, since: Date.now(), timer };
      if (isTerminal && total) step.bar = startProgress(label, total);
      if (!isTerminal) printLine(label);
    },
    update(done) {
      if (!step) return;
      step.done = done;
      step.bar?.update(done);
    },
    stop,
    line(text) {
      if (isTerminal && step && !step.bar) process.stderr.write("\r\u001B[K");
      printLine(text);
    },
  };
}

function frameAt(since: number): string {
  return FRAMES[Math.floor((Date.now() - since) / FRAME_MS) % FRAMES.length] ?? "";
}

function elapsed({ label, total, done, since }: Step): string {
  const seconds = `${Math.round((Date.now() - since) / 1000)} s`;
  return total && done > 0
    ? `${label}: ${Math.floor((100 * done) / total)} %, ${seconds}`
    : `${label}: ${seconds}`;
}
