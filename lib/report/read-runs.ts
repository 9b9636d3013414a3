import { readRun, type RecordedRun } from "../run/read-run.js";

/**
 * Reads the folders of runs; their names are told apart.
 * @throws McLossError ERR_IO when a folder has no run.json, or a damaged one
 */
export async function readRuns(folders: readonly string[]): Promise<RecordedRun[]> {
  const runs = await Promise.all(folders.map(readRun));
  const repeated = (name: string) => runs.filter((run) => run.name === name).length > 1;
  return runs.map((run) => (repeated(run.name) ? { ...run, name: run.folder } : run));
}
