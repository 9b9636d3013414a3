import type { AnnotationProblem, Report } from "./problems.js";
import { readLines, type Line } from "./text-file.js";

/** A row "key rest" of an annotation file, where the rest may have spaces. */
export interface Row {
  key: string;
  rest: string;
  line: number;
}

/** The rows of a file, by key. A key that comes twice and a row without a rest are reported. */
export async function readRows(file: string, report: Report, columns: string): Promise<Map<string, Row>> {
  const rows = new Map<string, Row>();
  for (const { number, text } of await readLines(file)) {
    const [, key = "", rest = ""] = /^(\S+)\s+(.+)$/.exec(text) ?? [];
    const earlier = rows.get(key);
    if (rest === "") report(at(file, number, `has no "${columns}", got ${quote(text)}`));
    else if (earlier)
      report(at(file, number, `has ${key} again, which line ${earlier.line} has: remove one`));
    else rows.set(key, { key, rest, line: number });
  }
  return rows;
}

/** The rows of a file of names, one a line, where no name comes twice. */
export async function readNames(file: string, report: Report): Promise<string[]> {
  const names = new Map<string, Line>();
  for (const line of await readLines(file)) {
    const earlier = names.get(line.text);
    if (!earlier) names.set(line.text, line);
    else report(at(file, line.number, `has ${quote(line.text)} again, which line ${earlier.number} has`));
  }
  return [...names.keys()];
}

/** An integer from 1 to `most`. */
export function parseNumber(text: string, most: number): number | undefined {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  return value >= 1 && value <= most ? value : undefined;
}

/** Finite decimal numbers with spaces between them. */
export function parseDecimals(text: string, count: number): number[] | undefined {
  const words = text.split(/\s+/);
  if (words.length !== count) return undefined;
  const numbers = words.map((word) => (/^-?\d{1,15}(\.\d{1,30})?$/.test(word) ? Number(word) : NaN));
  return numbers.some(Number.isNaN) ? undefined : numbers;
}

export function at(file: string, line: number, problem: string): AnnotationProblem {
  return { file, line, problem };
}

/** Text of a file in a message: never long, never with control characters. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}…` : text);
}
