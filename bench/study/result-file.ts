import { existsSync, readFileSync } from "node:fs";
import { appendFile } from "node:fs/promises";

/** The finished runs of a study, a line of JSON each, read anew whenever they are asked for. */
export class ResultFile<Run, Result extends Run> {
  readonly #path: URL | string;
  readonly #keyOf: (run: Run) => string;

  /** @param keyOf tells a run from every other of the file */
  constructor(path: URL | string, keyOf: (run: Run) => string) {
    this.#path = path;
    this.#keyOf = keyOf;
  }

  read(): Result[] {
    if (!existsSync(this.#path)) return [];
    const lines = readFileSync(this.#path, "utf8").split("\n");
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Result);
  }

  async append(result: Result): Promise<void> {
    await appendFile(this.#path, `${JSON.stringify(result)}\n`);
  }

  has(run: Run): boolean {
    return this.find(run) !== undefined;
  }

  find(run: Run): Result | undefined {
    const key = this.#keyOf(run);
    return this.read().find((result) => this.#keyOf(result) === key);
  }
}

/** What a study trains, and where it goes. */
export interface Unfinished<Run, Result extends Run> {
  file: ResultFile<Run, Result>;
  /** Milliseconds of performance.now() after which no run begins. */
  deadline: number;
  train: (run: Run) => Promise<Result>;
  /** Of a run that has just been finished, for people. */
  describe: (result: Result) => string;
}

/** Trains the runs that have no result yet, in their order. */
export async function trainUnfinished<Run, Result extends Run>(
  runs: readonly Run[],
  { file, deadline, train, describe }: Unfinished<Run, Result>,
): Promise<void> {
  for (const [index, run] of runs.entries()) {
    if (file.has(run)) continue;
    if (performance.now() > deadline) return;
    const result = await train(run);
    await file.append(result);
    console.log(`${index + 1}/${runs.length}: ${describe(result)}`);
  }
}
