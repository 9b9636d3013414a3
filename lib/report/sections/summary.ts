import { duration, percent, whole } from "../format.js";
import { html, type Html } from "../html.js";
import type { RunSummary } from "../summarize-run.js";

/** What one run reached, at a glance. */
export function summarySection(summary: RunSummary): Html {
  const { best, last, epochs, seconds, imagesPerSecond, model, classes, recipe, data } = summary;
  const of = summary.measuredOn === "held-out" ? "held-out images" : "training images; none were held out";
  const tiles = [
    tile("Best accuracy", percent(best?.accuracy), best ? `${of}, epoch ${best.epoch}` : of),
    tile(
      "Last accuracy",
      percent(last?.accuracy),
      `epoch ${last?.epoch ?? epochs.done} of ${epochs.planned}`,
    ),
    tile("Top-5 accuracy", percent(best?.top5Accuracy), "in the best epoch"),
    tile("Macro F1", percent(best?.macroF1), "in the best epoch"),
    tile("Time", duration(seconds), "of all epochs"),
    tile("Speed", whole(imagesPerSecond), "images/s in training, median"),
  ];
  const facts = [
    fact("Recipe", recipe),
    fact("Network", `${model}, ${classes} classes`),
    fact("Data", data ?? "not recorded"),
    fact("Folder", summary.folder),
  ];
  return html`<div class="tiles">${tiles}</div>
    <dl class="facts">${facts}</dl>`;
}

function tile(name: string, value: string, note: string): Html {
  return html`<div class="tile">
    <span class="name">${name}</span><strong>${value}</strong><span class="note">${note}</span>
  </div>`;
}

function fact(name: string, value: string): Html {
  return html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div>`;
}
