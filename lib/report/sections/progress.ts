import { duration } from "../format.js";
import { html, type Html } from "../html.js";
import type { RecordedRun } from "../../compare/recorded-run.js";
import type { RunSummary } from "../summarize-run.js";

/** How far a run is that is being watched. */
export function progressSection({ epochs, info }: RecordedRun, summary: RunSummary): Html {
  const { done, planned } = summary.epochs;
  const left = planned - done;
  const eta =
    left > 0 ? `about ${duration(left * secondsPerEpoch(epochs, info.started))} left` : "all epochs are done";
  const text = done > 0 ? `Epoch ${done} of ${planned} · ${eta}` : "Waiting for the first epoch to end.";
  return html`<progress max="${planned}" value="${done}" aria-label="epochs done"></progress> ${text}`;
}

/** By the latest epochs; of a run that went on after a pause the first may say nothing. */
function secondsPerEpoch(epochs: RecordedRun["epochs"], started: string): number {
  const latest = epochs.slice(-LATEST);
  const times = [...(latest.length > 1 ? [] : [started]), ...latest.map(({ time }) => time)].map(Date.parse);
  const seconds = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1000 / (times.length - 1);
  // A clock may have been set back.
  return Math.max(0, seconds);
}

const LATEST = 6;
