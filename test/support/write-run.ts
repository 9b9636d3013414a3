import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LossOptions } from "mutual-channel-loss";

interface WrittenRun {
  seed: number;
  loss?: LossOptions;
  /** Of each epoch. */
  accuracies: readonly number[];
  epochs?: number;
  network?: string;
  options?: object;
  about?: object;
}

/** The files of a run that comparing reads, without training. */
export async function writeRun(folder: string, run: WrittenRun): Promise<string> {
  const {
    seed,
    loss,
    accuracies,
    epochs = accuracies.length,
    network = "resnet18",
    options,
    about = {},
  } = run;
  await mkdir(folder, { recursive: true });
  const info = {
    format: 1,
    model: { name: network, classes: 3 },
    options: { epochs, loss, seed, ...options },
    about,
  };
  await writeFile(join(folder, "run.json"), JSON.stringify(info));
  const lines = accuracies.map(
    (accuracy, i) => `${JSON.stringify({ epoch: i + 1, validation: { accuracy } })}\n`,
  );
  await writeFile(join(folder, "metrics.jsonl"), lines.join(""));
  return folder;
}
