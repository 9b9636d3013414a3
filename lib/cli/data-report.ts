import type { DatasetReport } from "../data/verify/verify-dataset.js";

/** Of each kind of finding; --json has all. */
const MOST_SHOWN = 4;

/** A report for one screen. */
export function formatReport(report: DatasetReport): string {
  const {
    title,
    root,
    classes,
    images,
    counts,
    annotations,
    missing,
    corrupt,
    boxes,
    leaks,
    repeats,
    notes,
  } = report;
  const findings: [string, readonly string[]][] = [
    ["not the whole set", counts],
    ["bad annotations", annotations],
    ["missing images", missing],
    ["corrupt images", corrupt.map(({ path, reason }) => `${path}: ${firstLine(reason)}`)],
    ["boxes past their image", boxes],
    ["same image in several splits or classes", leaks.map(joinSame)],
    ["same image again", repeats.map(joinSame)],
  ];
  const parts = Object.entries(images).map(([part, count]) => `${part === "all" ? "images" : part} ${count}`);
  return [
    `${title} in ${root}`,
    `classes ${classes} · ${parts.join(" · ")}`,
    ...findings
      .filter(([, found]) => found.length > 0)
      .flatMap(([what, found]) => formatFinding(what, found)),
    ...notes.map((note) => `note: ${note}`),
    report.ok
      ? `in order: images were ${report.full ? "decoded" : "looked at from both ends; --full decodes them"}`
      : "not in order",
  ].join("\n");
}

function joinSame(paths: readonly string[]): string {
  const shown = paths.slice(0, MOST_SHOWN).join(" = ");
  const more = paths.length - MOST_SHOWN;
  return more > 0 ? `${shown} and ${more} more` : shown;
}

function formatFinding(what: string, found: readonly string[]): string[] {
  const shown = found.slice(0, MOST_SHOWN).map((text) => `  ${text}`);
  const more = found.length - shown.length;
  return [
    `${what}: ${found.length}`,
    ...shown,
    ...(more > 0 ? [`  and ${more} more (--json lists them)`] : []),
  ];
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
