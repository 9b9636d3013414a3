import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LossOptions } from "mutual-channel-loss";

interface WrittenRun {
  seed: number;
  loss?: LossOptions;
  /** Of each epoch. */
  accuracies: readonly number[];
  /** On the held-out images. Default: not measured. */
  losses?: readonly number[];
  epochs?: number;
  network?: string;
  options?: object;
  about?: object;
  /** Options that were changed when it was resumed. */
  changes?: readonly object[];
}

const STARTED = Date.parse("2026-03-01T10:00:00.000Z");
let runsWritten = 0;

/** The files of a run that comparing reads, without training. */
export async function writeRun(folder: string, run: WrittenRun): Promise<string> {
  const {
    seed,
    loss,
    accuracies,
    losses,
    epochs = accuracies.length,
    network = "resnet18",
    options,
    about = {},
    changes,
  } = run;
  await mkdir(folder, { recursive: true });
  const info = {
    format: 1,
    started: new Date(STARTED + 1000 * (runsWritten += 1)).toISOString(),
    versions: { package: "0.1.0", node: "v20.19.0", libtorch: "2.13.0" },
    platform: "linux-x64",
    threads: 2,
    model: { name: network, classes: 3 },
    options: { epochs, loss, seed, ...options },
    about,
    changes,
  };
  await writeFile(join(folder, "run.json"), JSON.stringify(info));
  const lines = accuracies.map((accuracy, i) => {
    const time = new Date(STARTED + 10_000 * (i + 1)).toISOString();
    const validation = { accuracy, loss: losses?.[i] };
    return `${JSON.stringify({ time, epoch: i + 1, epochs, train: { accuracy: 1 }, validation })}\n`;
  });
  await writeFile(join(folder, "metrics.jsonl"), lines.join(""));
  return folder;
}
