import { join } from "node:path";
import { formatCsv, type CsvField } from "../csv.js";
import { replaceWith } from "../io/replace-file.js";
import { formatTable } from "../table.js";

/** How a table is written: for a terminal; for a page; for LaTeX, with the package booktabs; for programs. */
export type TableFormat = "text" | "markdown" | "latex" | "csv";

/** A table of results. */
export interface Table {
  /** The head and the rows. */
  cells: readonly (readonly string[])[];
  /** The columns beside the first that are of words. Default: all are of numbers. */
  left?: readonly number[];
  /** The caption's first sentence, where there is a caption. */
  title: string;
  /** What its figures are, in sentences without a full stop. */
  notes: readonly string[];
  /** What programs read: with the figures as they are. Default: the cells. */
  data?: readonly (readonly CsvField[])[];
}

export function writeTable(table: Table, format: TableFormat): string {
  const { cells, left = [], title, notes, data = cells } = table;
  switch (format) {
    case "text":
      return [formatTable(cells, left), "", ...notes].join("\n");
    case "markdown":
      return [...markdown(cells, left), "", ...notes.map((note) => `- ${note}`)].join("\n");
    case "latex":
      return latex(cells, left, [title, ...notes].map(capitalised).join(". "));
    case "csv":
      return formatCsv(data).trimEnd();
  }
}

const FILES = { "table.md": "markdown", "table.tex": "latex", "table.csv": "csv" } as const;

/**
 * Writes a table into a folder in each format, with what it is made of as table.json. Gives it as text.
 * @param results plain data
 */
export async function writeTableFiles(folder: string, table: Table, results: object): Promise<string> {
  for (const [name, format] of Object.entries(FILES)) {
    await replaceWith(join(folder, name), `${writeTable(table, format)}\n`);
  }
  await replaceWith(join(folder, "table.json"), `${JSON.stringify(results, null, 2)}\n`);
  return writeTable(table, "text");
}

function markdown([head = [], ...rows]: Table["cells"], left: readonly number[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const ruler = head.map((_, column) => (column === 0 || left.includes(column) ? "-" : "-:"));
  return [line(head), line(ruler), ...rows.map(line)];
}

function latex(cells: Table["cells"], left: readonly number[], caption: string): string {
  const columns = (cells[0] ?? []).map((_, column) => (column === 0 || left.includes(column) ? "l" : "r"));
  const [head = "", ...rows] = cells.map((row) => `${row.map(escapeLatex).join(" & ")} \\\\`);
  return [
    "\\begin{table}",
    "  \\centering",
    `  \\begin{tabular}{${columns.join("")}}`,
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
  ">": "$>$",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "×": "$\\times$",
  Δ: "$\\Delta$",
  α: "$\\alpha$",
  β: "$\\beta$",
};

function escapeLatex(text: string): string {
  return text.replaceAll(/[\\±−–<>~^×Δαβ]|[&%$#_{}]/g, (sign) => LATEX[sign] ?? `\\${sign}`);
}
