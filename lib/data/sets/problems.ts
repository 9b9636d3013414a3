import { McLossError } from "../../errors.js";

/** Something wrong in an annotation file. */
export interface AnnotationProblem {
  file: string;
  /** From 1; absent where the file has no lines. */
  line?: number;
  /** What is wrong and what to do. */
  problem: string;
}

/** Takes a problem: throws when a set is opened, collects when it is verified. What is wrong is then left out. */
export type Report = (problem: AnnotationProblem) => void;

/** The reporter of opening: it stops at the first problem. */
export function throwProblem(problem: AnnotationProblem): never {
  throw new McLossError("ERR_DATASET", formatProblem(problem), { path: problem.file });
}

export function formatProblem({ file, line, problem }: AnnotationProblem): string {
  return line === undefined ? `${file}: ${problem}` : `${file}:${line}: ${problem}`;
}

/** What `convert` makes of each row; its problems go to `report`. */
export function keepSamples<Row, Kept extends object>(
  rows: Iterable<Row>,
  convert: (row: Row) => Kept | AnnotationProblem,
  report: Report,
): Kept[] {
  const kept: Kept[] = [];
  for (const row of rows) {
    const result = convert(row);
    if (isProblem(result)) report(result);
    else kept.push(result);
  }
  return kept;
}

function isProblem(result: object): result is AnnotationProblem {
  return "problem" in result;
}
