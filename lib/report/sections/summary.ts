import { duration, percent, whole } from "../format.js";
import { html, type Html } from "../html.js";
import type { RunSummary } from "../../compare/summarize-run.js";

/** What one run reached, at a glance. */
export function summarySection(summary: RunSummary): Html {
  const { best, highest, last, chosenBy, epochs, seconds, imagesPerSecond, model, classes, recipe, data } =
    summary;
  const of = summary.measuredOn === "held-out" ? "held-out images" : "training images; none were held out";
  const chosen = CHOSEN[chosenBy];
  const [shown, shownEpoch] = best ? [best, "in the best epoch"] : [last, "in the last epoch"];
  const none = highest ? `${of}, epoch ${highest.epoch}, which they did not choose` : of;
  const tiles = [
    tile(
      "Best accuracy",
      percent((best ?? highest)?.accuracy),
      best ? `${of}, epoch ${best.epoch}${chosen}` : none,
    ),
    tile(
      "Last accuracy",
      percent(last?.accuracy),
      `epoch ${last?.epoch ?? epochs.done} of ${epochs.planned}`,
    ),
    tile("Top-5 accuracy", percent(shown?.top5Accuracy), shownEpoch),
    ...(shown?.balancedAccuracy === undefined
      ? []
      : [tile("Balanced accuracy", percent(shown.balancedAccuracy), shownEpoch)]),
    tile("Macro F1", percent(shown?.macroF1), shownEpoch),
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

const CHOSEN: Readonly<Record<RunSummary["chosenBy"], string>> = {
  accuracy: "",
  loss: ", of the lowest loss",
  balancedAccuracy: ", of the highest balanced accuracy",
  macroF1: ", of the highest macro F1",
};

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
