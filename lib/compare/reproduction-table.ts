import { checkList, checkRecord } from "../check-argument.js";
import { PUBLISHERS, type PublishedAccuracy } from "../recipes/recipe.js";
import { formatTable } from "../table.js";
import type { Gain } from "./compare-runs.js";
import type { ReproducedRow, Reproduction } from "./reproduce.js";
import type { Spread } from "./statistics.js";

/** How a table is written. */
export type TableFormat = "text" | "markdown" | "latex";

/**
 * A reproduction's figures beside the published ones, in percent.
 * @param format "text" for a terminal; "markdown"; "latex" needs the package booktabs. Default "text"
 */
export function reproductionTable(reproduction: Reproduction, format: TableFormat = "text"): string {
  checkRecord("reproduction", reproduction, "what reproduce() gives");
  const { recipe, rows } = reproduction;
  checkList("reproduction.rows", rows, "rows");
  checkRecord("reproduction.recipe", recipe, "a recipe");
  const cells = [HEAD, ...rows.map(cellsOf), ...rows.flatMap(gainCells)];
  const notes = notesOf(reproduction);
  if (format === "text") return [formatTable(cells, [4]), "", ...notes].join("\n");
  if (format === "markdown") return [...markdown(cells), "", ...notes.map((note) => `- ${note}`)].join("\n");
  return latex(cells, [recipe.description ?? recipe.name, ...notes].map(capitalised).join(". "));
}

const HEAD = ["", "seeds", "last epoch", "best epoch", "published"];
const UNKNOWN = "–";

function cellsOf({ label, runs, last, best, published }: ReproducedRow): string[] {
  const seeds = new Set(runs.map(({ seed }) => seed)).size;
  return [label, String(seeds), percent(last), percent(best), published.map(publishedText).join("; ")];
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
  return from === undefined || to === undefined ? "" : `${signed(to - from)}, the paper ?`;
}

function percent({ mean, std }: Spread): string {
  if (!Number.isFinite(mean)) return UNKNOWN;
  const middle = (100 * mean).toFixed(2);
  return std === undefined ? middle : `${middle} ± ${(100 * std).toFixed(2)}`;
}

function gainText({ difference, p }: Gain): string {
  if (!Number.isFinite(difference)) return UNKNOWN;
  if (p === undefined) return signed(difference);
  return `${signed(difference)} (${p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(3)}`})`;
}

function signed(share: number): string {
  return `${share < 0 ? "−" : "+"}${(100 * Math.abs(share)).toFixed(2)}`;
}

function publishedText({ accuracy, source, epoch, verified }: PublishedAccuracy): string {
  const which = epoch === undefined ? "" : `${epoch} epoch, `;
  return `${(100 * accuracy).toFixed(2)}, ${which}${PUBLISHERS[source]}${verified ? "" : " ?"}`;
}

function notesOf({ recipe, changed, rows }: Reproduction): string[] {
  const published = rows.flatMap((row) => row.published);
  const unfinished = rows.flatMap(({ runs }) =>
    runs.filter(({ epochs, epochsAsked }) => epochs < epochsAsked),
  );
  return [
    `top-1 accuracy on the test images in %, after ${recipe.epochs} epochs: mean ± standard deviation over seeds`,
    "the best epoch is chosen on the test images: what the authors report, and no honest selection",
    ...(rows.some(({ gain }) => gain?.last.p !== undefined)
      ? ["p is that of the two-sided paired t-test"]
      : []),
    ...(changed.length > 0 && published.length > 0
      ? [`not the recipe's, so that the published figures are of other settings: ${changed.join(", ")}`]
      : []),
    ...(published.some(({ verified }) => !verified) ? ["? was not looked up where it was published"] : []),
    ...unfinished.map(
      ({ folder, epochs, epochsAsked }) => `${folder} is at epoch ${epochs} of ${epochsAsked}`,
    ),
  ];
}

function markdown([head = [], ...rows]: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(["-", "-:", "-:", "-:", "-"]), ...rows.map(line)];
}

function latex(cells: readonly (readonly string[])[], caption: string): string {
  const [head = "", ...rows] = cells.map((row) => `${row.map(escapeLatex).join(" & ")} \\\\`);
  return [
    "\\begin{table}",
    "  \\centering",
    "  \\begin{tabular}{lrrrl}",
    ...["\\toprule", head, "\\midrule", ...rows, "\\bottomrule"].map((line) => `    ${line}`),
    "  \\end{tabular}",
    `  \\caption{${escapeLatex(caption)}.}`,
    "\\end{table}",
  ].join("\n");
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const LATEX: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "±": "$\\pm$",
  "−": "$-$",
  "–": "--",
  "<": "$<$",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "×": "$\\times$",
  α: "$\\alpha$",
  β: "$\\beta$",
};

function escapeLatex(text: string): string {
  return text.replaceAll(/[\\±−–<~^×αβ]|[&%$#_{}]/g, (sign) => LATEX[sign] ?? `\\${sign}`);
}
