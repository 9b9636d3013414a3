// Compares cross-entropy with CE + MC-Loss. Settings are chosen for each loss by as many trials, on images taken from
// training; then several seeds of each are tested. A finished run is a line in bench/results/study-NAME.jsonl and is not
// run again, so that what was interrupted goes on. "report" writes docs/results.md from those lines.
//   npm run study -- NAME... [--seeds 0,1,2,3,4] [--budget MINUTES]
//   npm run study -- photos --images DIR [--name NAME] [--losses ce,mc:20,own:5,scores:5] [--epochs 50] [--size 80]
//     [--places 10]    the side of the last map: a quarter, an eighth (as without it) or a sixteenth of the size
//   npm run study -- cub100 --images DIR    the same with what was measured of 100 classes of CUB-200-2011
//   npm run study -- cub50 --images DIR     a published set, whose boxes tell whether channels point at the bird
//   npm run study -- habit --images DIR [--classes 20] [--losses …]    draws docs/images/habit.png
//   npm run study -- finetune --images DIR --weights FILE    MobileNetV2 from ImageNet on 50 classes of CUB-200-2011
//   npm run study -- report
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { native } from "#lib/native/binding.js";
import { fineTune } from "./finetune/run.js";
import { parsePhotosLoss } from "./photos/losses.js";
import { drawHabit } from "./photos/picture.js";
import { isPhotosStudy, PHOTOS_STUDIES, type PhotosPreset } from "./photos/presets.js";
import { studyPhotos } from "./photos/run.js";
import { listTests, listTrials } from "./plan.js";
import { writeReport } from "./report.js";
import { appendResult, findResult, readResults, type Run } from "./results.js";
import type { StudySet } from "./sets/study-set.js";
import { STUDIES, TEST_SEEDS, type Study } from "./studies.js";
import { train } from "./train.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: TEST_SEEDS.join(",") },
    budget: { type: "string", default: "Infinity" },
    images: { type: "string" },
    weights: { type: "string" },
    name: { type: "string" },
    losses: { type: "string" },
    epochs: { type: "string" },
    size: { type: "string" },
    places: { type: "string" },
    classes: { type: "string", default: "20" },
  },
});
const seeds = values.seeds.split(",").map(Number);
/** No run begins after it. */
const deadline = performance.now() + Number(values.budget) * 60_000;

async function runAll(name: string, study: Study, signal: AbortSignal): Promise<void> {
  const set = await study.open();
  await runEach(name, study, set, listTrials(study), signal);
  const trials = readResults(study.tunedIn ?? name);
  const tests = listTests(study, trials, seeds);
  if (tests.length === 0)
    console.log(`${name}: not all settings have been tried in ${study.tunedIn ?? name}`);
  await runEach(name, study, set, tests, signal);
}

async function runEach(
  name: string,
  { head }: Study,
  set: StudySet,
  runs: readonly Run[],
  signal: AbortSignal,
): Promise<void> {
  for (const [index, run] of runs.entries()) {
    if (findResult(readResults(name), run)) continue;
    if (performance.now() > deadline) return;
    const result = await train(set, head, run, signal);
    await appendResult(name, result);
    const { division, loss, learningRate, epochs, seed, seconds } = result;
    const scores = Object.entries(result.held).map(
      ([part, score]) => `${part} ${(100 * score.accuracy).toFixed(1)} %`,
    );
    const what = `${division}, ${loss}, learning rate ${learningRate}, ${epochs} epochs, seed ${seed}`;
    console.log(`${name} ${index + 1}/${runs.length}: ${what}: ${scores.join(", ")} in ${seconds} s`);
  }
}

async function main(): Promise<void> {
  if (positionals.length === 1 && positionals[0] === "report") return writeReport();
  const [first = "", ...others] = positionals;
  const photos = others.length === 0 && isPhotosStudy(first) ? PHOTOS_STUDIES[first] : undefined;
  if (photos) return runPhotos(first, photos, interrupts());
  if (others.length === 0 && first === "finetune") return runFineTuning(interrupts());
  if (others.length === 0 && first === "habit") return runHabit(interrupts());
  const unknown = positionals.find((name) => !Object.hasOwn(STUDIES, name));
  if (positionals.length === 0 || unknown !== undefined) {
    throw new Error(
      `name studies (${Object.keys(STUDIES).join(", ")}), ${Object.keys(PHOTOS_STUDIES).join(", ")} finetune or report, not ${unknown ?? "nothing"}`,
    );
  }
  const signal = interrupts();
  native().threads(1);
  for (const name of positionals) await runAll(name, STUDIES[name] as Study, signal);
}

async function runPhotos(study: string, preset: PhotosPreset, signal: AbortSignal): Promise<void> {
  const { images, name, losses, epochs, size, places } = values;
  if (images === undefined)
    throw new Error(`${study} needs --images DIR, with DIR/train/CLASS and DIR/test/CLASS`);
  const side = size === undefined ? preset.size : Number(size);
  native().threads(1);
  await studyPhotos(
    {
      images,
      name: name ?? preset.name,
      losses: losses?.split(",").map(parsePhotosLoss) ?? preset.losses,
      epochs: epochs === undefined ? preset.epochs : Number(epochs),
      size: side,
      places: places === undefined ? side / 8 : Number(places),
      seeds,
      deadline,
    },
    signal,
  );
}

async function runFineTuning(signal: AbortSignal): Promise<void> {
  const { images, weights } = values;
  if (images === undefined || weights === undefined)
    throw new Error("finetune needs --images DIR and --weights FILE");
  native().threads(1);
  await fineTune({ images, weights, seeds: values.seeds.split(",").map(Number), deadline }, signal);
}

async function runHabit(signal: AbortSignal): Promise<void> {
  const { images, losses = "ce,mc:20,own:5", epochs = "20", size = "64", classes } = values;
  if (images === undefined) throw new Error("habit needs --images DIR");
  native().threads(1);
  const path = fileURLToPath(new URL("../../docs/images/habit.png", import.meta.url));
  const options = { epochs: Number(epochs), size: Number(size), classes: Number(classes) };
  await drawHabit(path, { images, losses: losses.split(",").map(parsePhotosLoss), ...options }, signal);
}

function interrupts(): AbortSignal {
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupt.abort());
  return interrupt.signal;
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
