import { UNKNOWN } from "./format-figures.js";
import { textOf } from "../plain-data.js";
import type { Tuning } from "./tune.js";
import type { Table } from "./write-table.js";

/** A row for each trial, the best first. */
export function tuningTable({ figure, trials }: Tuning, title: string): Table {
  const keys = [...new Set(trials.flatMap(({ values }) => Object.keys(values)))];
  const isShare = figure.term !== "loss";
  const write = (value: number | undefined) => {
    if (value === undefined) return UNKNOWN;
    return isShare ? (100 * value).toFixed(2) : value.toPrecision(4);
  };
  const where = figure.part === "validation" ? "held-out" : "training";
  const name = `${figure.term}${isShare ? " %" : ""}`;
  return {
    title,
    cells: [
      ["trial", ...keys, "epochs", "best epoch", name],
      ...trials.map(({ trial, values, epochs, epoch, value, failed }) => [
        String(trial),
        ...keys.map((key) => textOf(values[key])),
        String(epochs),
        epoch === undefined ? UNKNOWN : String(epoch),
        failed === undefined ? write(value) : "failed",
      ]),
    ],
    notes: [
      `${figure.term} on the ${where} images in the best epoch, by which the trials were chosen: an accuracy to report is of other images`,
    ],
    data: [
      ["trial", ...keys, "epochs", "best_epoch", figure.term, "failed", "folder"],
      ...trials.map(({ trial, values, epochs, epoch, value, failed, folder }) => [
        trial,
        ...keys.map((key) => textOf(values[key])),
        epochs,
        epoch,
        value,
        failed,
        folder,
      ]),
    ],
  };
}
