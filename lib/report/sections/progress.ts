import { duration } from "../format.js";
import { html, type Html } from "../html.js";
import type { RecordedRun } from "../../run/read-run.js";
import type { RunSummary } from "../../compare/summarize-run.js";

/** How far a run is that is being watched. */
export function progressSection({ epochs }: RecordedRun, summary: RunSummary): Html {
  const { done, planned, stoppedEarly } = summary.epochs;
  const left = stoppedEarly ? 0 : planned - done;
  const eta = stoppedEarly
    ? "the training has ended early"
    : left > 0
      ? `about ${duration(left * secondsPerEpoch(epochs))} left`
      : "all epochs are done";
  const text = done > 0 ? `Epoch ${done} of ${planned} · ${eta}` : "Waiting for the first epoch to end.";
  return html`<progress max="${planned}" value="${done}" aria-label="epochs done"></progress> ${text}`;
}

/** Of the latest epochs. */
function secondsPerEpoch(epochs: RecordedRun["epochs"]): number {
  const known = epochs.slice(-LATEST).flatMap(({ seconds }) => seconds ?? []);
  return known.reduce((sum, seconds) => sum + seconds, 0) / Math.max(1, known.length);
}

const LATEST = 6;
