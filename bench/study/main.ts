// Compares cross-entropy with CE + MC-Loss. Settings are chosen for each loss by as many trials, on images taken from
// training; then several seeds of each are tested. A finished run is a line in bench/results/study-NAME.jsonl and is not
// run again, so that what was interrupted goes on. "report" writes docs/results.md from those lines.
//   npm run study -- NAME... [--seeds 0,1,2,3,4] [--budget MINUTES]
//   npm run study -- cub100-scratch --images DIR    the paper's recipe cub200-resnet18 scaled down: prints what it costs, and trains
//     [--stage rates,test,half,long,ablations] [--seeds 0,1] [--arms ce,ce-widened,mc,beta-1] [--epochs 60] [--image-size 96]
//     [--rate-epochs 20] [--precision bfloat16] [--plan]    cub50-scratch is the same with the published set of 50 classes
//   npm run study -- curves [--name cub100] [--epochs …] [--seeds 0]    draws docs/images/curves.png from its results
//   npm run study -- gradients --images DIR --name cub100 --image-size 96,112,224 [--checkpoints NAME=FILE,…]
//   npm run study -- photos --images DIR [--name NAME] [--losses ce,mc:20,own:5,scores:5] [--epochs 50] [--image-size 80]
//     mc:20:warm10 lets β rise for ten epochs, mc:20:raw is of the features before the last ReLU
//     [--places 10]    the side of the last map: a quarter, an eighth (as without it) or a sixteenth of the size
//   npm run study -- cub100 --images DIR    the same with what was measured of 100 classes of CUB-200-2011
//   npm run study -- cub50 --images DIR     a published set, whose boxes tell whether channels point at the bird
//   npm run study -- habit --images DIR [--classes 20] [--losses …]    draws docs/images/habit.png
//   npm run study -- finetune --images DIR --weights FILE    MobileNetV2 from ImageNet on 50 classes of CUB-200-2011
//   npm run study -- report
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { native } from "#lib/native/binding.js";
import type { Precision } from "#lib/tensor/precision.js";
import { fineTune } from "./finetune/run.js";
import { parsePhotosLoss } from "./photos/losses.js";
import { drawHabit } from "./photos/picture.js";
import { isPhotosStudy, PHOTOS_STUDIES, type PhotosPreset } from "./photos/presets.js";
import { studyPhotos } from "./photos/run.js";
import { listTests, listTrials } from "./plan.js";
import { writeReport } from "./report.js";
import { resultsOf, type Run } from "./results.js";
import { trainUnfinished } from "./result-file.js";
import { parseArm } from "./scratch/arms.js";
import { drawCurves } from "./scratch/curves.js";
import { measureGradients } from "./scratch/gradients.js";
import { STAGES, withChosenRates, type Stage } from "./scratch/plan.js";
import { SCRATCH_RESULTS } from "./scratch/results.js";
import { studyScratch } from "./scratch/run.js";
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
    "rate-epochs": { type: "string" },
    "image-size": { type: "string" },
    precision: { type: "string", default: "float32" },
    recipe: { type: "string", default: "cub200-resnet18" },
    stage: { type: "string" },
    arms: { type: "string" },
    out: { type: "string", default: "runs/study" },
    plan: { type: "boolean", default: false },
    checkpoints: { type: "string" },
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
  const trials = resultsOf(study.tunedIn ?? name).read();
  const tests = listTests(study, trials, seeds);
  if (tests.length === 0)
    console.log(`${name}: not all settings have been tried in ${study.tunedIn ?? name}`);
  await runEach(name, study, set, tests, signal);
}

function runEach(
  name: string,
  { head }: Study,
  set: StudySet,
  runs: readonly Run[],
  signal: AbortSignal,
): Promise<void> {
  return trainUnfinished(runs, {
    file: resultsOf(name),
    deadline,
    train: (run) => train(set, head, run, signal),
    describe: ({ division, loss, learningRate, epochs, seed, seconds, held }) => {
      const scores = Object.entries(held).map(
        ([part, score]) => `${part} ${(100 * score.accuracy).toFixed(1)} %`,
      );
      const what = `${division}, ${loss}, learning rate ${learningRate}, ${epochs} epochs, seed ${seed}`;
      return `${name}, ${what}: ${scores.join(", ")} in ${seconds} s`;
    },
  });
}

async function main(): Promise<void> {
  if (positionals.length === 1 && positionals[0] === "report") return writeReport();
  const [first = "", ...others] = positionals;
  const photos = others.length === 0 && isPhotosStudy(first) ? PHOTOS_STUDIES[first] : undefined;
  if (photos) return runPhotos(first, photos, interrupts());
  const [, scratch] = others.length === 0 ? (/^(.+)-scratch$/.exec(first) ?? []) : [];
  if (scratch !== undefined) return runScratch(scratch, interrupts());
  if (others.length === 0 && first === "curves") return runCurves();
  if (others.length === 0 && first === "gradients") return runGradients();
  if (others.length === 0 && first === "finetune") return runFineTuning(interrupts());
  if (others.length === 0 && first === "habit") return runHabit(interrupts());
  const unknown = positionals.find((name) => !Object.hasOwn(STUDIES, name));
  if (positionals.length === 0 || unknown !== undefined) {
    throw new Error(
      `name studies (${Object.keys(STUDIES).join(", ")}), ${Object.keys(PHOTOS_STUDIES).join(", ")}, cub100-scratch, cub50-scratch, curves, gradients, habit, finetune or report, not ${unknown ?? "nothing"}`,
    );
  }
  const signal = interrupts();
  native().threads(1);
  for (const name of positionals) await runAll(name, STUDIES[name] as Study, signal);
}

async function runPhotos(study: string, preset: PhotosPreset, signal: AbortSignal): Promise<void> {
  const { images, name, losses, epochs, "image-size": size, places } = values;
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

async function runScratch(set: string, signal: AbortSignal): Promise<void> {
  const { images, epochs = "60", "image-size": size = "96", precision, recipe, arms, out, plan } = values;
  if (images === undefined) throw new Error(`${set}-scratch needs --images DIR`);
  native().threads(1);
  await studyScratch(
    {
      ...{ images, set, recipe, seeds, deadline, out, planOnly: plan },
      stages: values.stage?.split(",").map(parseStage) ?? (Object.keys(STAGES) as Stage[]),
      arms: arms?.split(",").map(parseArm),
      epochs: Number(epochs),
      rateEpochs: values["rate-epochs"] === undefined ? undefined : Number(values["rate-epochs"]),
      imageSize: Number(size),
      precision: parsePrecision(precision),
    },
    signal,
  );
}

async function runCurves(): Promise<void> {
  const { name = "cub100", epochs } = values;
  const runs = withChosenRates(SCRATCH_RESULTS.read()).filter(
    (run) =>
      run.stage === "test" &&
      run.set === name &&
      run.seed === seeds[0] &&
      (epochs === undefined || run.epochs === Number(epochs)),
  );
  if (runs.length === 0) throw new Error(`nothing of ${name} has been tested with seed ${seeds[0]}`);
  await drawCurves(pictureAt("curves.png"), runs);
}

async function runGradients(): Promise<void> {
  const { images, name: set, recipe, "image-size": sizes, checkpoints } = values;
  if (images === undefined || set === undefined)
    throw new Error("gradients needs --images DIR and --name, as cub100");
  native().threads(1);
  const paths = checkpoints?.split(",") ?? [];
  await measureGradients({
    ...{ images, set, recipe },
    imageSizes: sizes?.split(",").map(Number) ?? [],
    checkpoints: new Map(
      paths.map((each) => [each.replace(/=.*/, ""), each.slice(each.indexOf("=") + 1)] as const),
    ),
  });
}

function parseStage(text: string): Stage {
  if (Object.hasOwn(STAGES, text)) return text as Stage;
  throw new Error(`--stage takes ${Object.keys(STAGES).join(", ")}, separated by commas, not "${text}"`);
}

function parsePrecision(text: string): Precision {
  if (text === "float32" || text === "bfloat16") return text;
  throw new Error(`--precision takes float32 or bfloat16, not "${text}"`);
}

async function runFineTuning(signal: AbortSignal): Promise<void> {
  const { images, weights } = values;
  if (images === undefined || weights === undefined)
    throw new Error("finetune needs --images DIR and --weights FILE");
  native().threads(1);
  await fineTune({ images, weights, seeds: values.seeds.split(",").map(Number), deadline }, signal);
}

async function runHabit(signal: AbortSignal): Promise<void> {
  const { images, losses = "ce,mc:20,own:5", epochs = "20", "image-size": size = "64", classes } = values;
  if (images === undefined) throw new Error("habit needs --images DIR");
  native().threads(1);
  const options = { epochs: Number(epochs), size: Number(size), classes: Number(classes) };
  await drawHabit(
    pictureAt("habit.png"),
    { images, losses: losses.split(",").map(parsePhotosLoss), ...options },
    signal,
  );
}

function pictureAt(name: string): string {
  return fileURLToPath(new URL(`../../docs/images/${name}`, import.meta.url));
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
