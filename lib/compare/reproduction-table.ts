import { checkList, checkRecord } from "../check-argument.js";
import { PUBLISHERS, type PublishedAccuracy } from "../recipes/recipe.js";
import type { Gain } from "./compare-runs.js";
import type { ReproducedRow, Reproduction } from "./reproduce.js";
import { formatP, percentOf, signedPercent, UNKNOWN } from "./format-figures.js";
import { writeTable, writeTableFiles, type Table, type TableFormat } from "./write-table.js";

/**
 * A reproduction's figures beside the published ones, in percent.
 * @param format Default "text"
 */
export function reproductionTable(reproduction: Reproduction, format: TableFormat = "text"): string {
  return writeTable(tableOf(reproduction), format);
}

/** Writes them into a folder in each format. Gives the table as text. */
export function writeReproduction(folder: string, reproduction: Reproduction): Promise<string> {
  return writeTableFiles(folder, tableOf(reproduction), reproduction);
}

function tableOf(reproduction: Reproduction): Table {
  checkRecord("reproduction", reproduction, "what reproduce() gives");
  const { recipe, rows } = reproduction;
  checkList("reproduction.rows", rows, "rows");
  checkRecord("reproduction.recipe", recipe, "a recipe");
  return {
    cells: [HEAD, ...rows.map(cellsOf), ...rows.flatMap(gainCells)],
    left: [4],
    title: recipe.description ?? recipe.name,
    notes: notesOf(reproduction),
    data: [DATA_HEAD, ...rows.flatMap(dataOf)],
  };
}

const DATA_HEAD = ["loss", "seed", "epochs", "last", "best", "folder"];

function dataOf({ name, runs }: ReproducedRow) {
  return runs.map(({ seed, epochs, final, best, folder }) => [name, seed, epochs, final, best, folder]);
}

const HEAD = ["", "seeds", "last epoch", "best epoch", "published"];

function cellsOf({ label, runs, last, best, published }: ReproducedRow): string[] {
  const seeds = new Set(runs.map(({ seed }) => seed)).size;
  return [label, String(seeds), percentOf(last), percentOf(best), published.map(publishedText).join("; ")];
}

function gainCells({ gain, published }: ReproducedRow, _: number, rows: ReproducedRow[]): string[][] {
  if (!gain) return [];
  const others = rows.find(({ name }) => name === "ce")?.published ?? [];
  return [
    [
      "gain",
      String(gain.last.pairs),
      gainText(gain.last),
      gainText(gain.best),
      publishedGain(others, published),
    ],
  ];
}

/** Of the paper's own two figures. */
function publishedGain(ce: readonly PublishedAccuracy[], mc: readonly PublishedAccuracy[]): string {
  const [from, to] = [ce, mc].map((all) => all.find(({ source }) => source === "paper")?.accuracy);
  return from === undefined || to === undefined ? "" : `${signedPercent(to - from)}, the paper ?`;
}

function gainText({ difference, p }: Gain): string {
  if (!Number.isFinite(difference)) return UNKNOWN;
  if (p === undefined) return signedPercent(difference);
  return `${signedPercent(difference)} (p ${p < 0.001 ? "" : "= "}${formatP(p)})`;
}

function publishedText({ accuracy, source, epoch, verified }: PublishedAccuracy): string {
  const which = epoch === undefined ? "" : `${epoch} epoch, `;
  return `${(100 * accuracy).toFixed(2)}, ${which}${PUBLISHERS[source]}${verified ? "" : " ?"}`;
}

function notesOf({ recipe, changed, data, rows, leftOut }: Reproduction): string[] {
  const published = rows.flatMap((row) => row.published);
  const unfinished = rows.flatMap(({ runs }) => runs.filter(({ finished }) => !finished));
  return [
    `top-1 accuracy on the test images in %, after ${recipe.epochs} ${recipe.epochs === 1 ? "epoch" : "epochs"}: mean ± standard deviation over seeds`,
    ...(data ? [`${data.classes} classes, ${data.train} training and ${data.test} test images`] : []),
    "the best epoch is chosen on the test images: what the authors report, and no honest selection",
    ...(rows.some(({ gain }) => gain?.last.p !== undefined)
      ? ["p is that of the two-sided paired t-test"]
      : []),
    ...(changed.length > 0 && published.length > 0
      ? [`not the recipe's, so that the published figures are of other settings: ${changed.join(", ")}`]
      : []),
    ...(published.some(({ verified }) => !verified) ? ["? was not looked up where it was published"] : []),
    ...leftOut.map(
      ({ folder, label }) => `left out, as it was not trained as the others: ${folder} (${label})`,
    ),
    ...unfinished.map(
      ({ folder, epochs, epochsAsked }) => `${folder} is at epoch ${epochs} of ${epochsAsked}`,
    ),
  ];
}
