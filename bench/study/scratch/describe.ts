import { expectedModeCount } from "#lib/loss/expected-mode.js";
import { spread } from "#lib/compare/statistics.js";
import { signedPoints, summarize, verdict } from "../difference.js";
import { groupBy } from "../group-by.js";
import { ARM_NAMES, armOf, COMPARED, type ArmName } from "./arms.js";
import { TEST_SEEDS } from "../seeds.js";
import { bestTested, byRate, plannedEpochs, RATES, STAGES, trialsOf, type Stage } from "./plan.js";
import { SCRATCH_RESULTS, type ScratchResult } from "./results.js";
import { mean, percent, row } from "../page-text.js";

/** What was trained from scratch with the paper's recipe, in Markdown; nothing where nothing was. */
export function describeScratch(results: readonly ScratchResult[] = SCRATCH_RESULTS.read()): string[] {
  if (results.length === 0) return [];
  const groups = groupBy(
    results.filter(({ stage }) => stage !== "rates"),
    titleOf,
  );
  return [
    TEXT,
    ...[...groups].flatMap(([title, group]) => ["", `**${title}**`, "", ...describeGroup(group, results)]),
    "",
  ];
}

/** What the tests found, a sentence for each setting. */
export function concludeScratch(results: readonly ScratchResult[] = SCRATCH_RESULTS.read()): string[] {
  const groups = groupBy(
    results.filter(({ stage }) => stage === "test"),
    titleOf,
  );
  return [...groups].flatMap(([title, tests]) => {
    const gains = gainsOver(bestTested(tests.filter(({ arm }) => arm === "mc")), tests);
    return gains.length === 0 ? [] : [`${title}: ${verdict(summarize(gains), "seeds")}`];
  });
}

/** What the study has and nothing was run of, a line for each setting. */
export function listScratchMissing(results: readonly ScratchResult[] = SCRATCH_RESULTS.read()): string[] {
  const groups = groupBy(
    results.filter(({ stage }) => stage !== "rates"),
    titleOf,
  );
  return [...groups].flatMap(([title, runs]) => {
    const trials = trialsOfGroup(runs, results);
    const stages = (Object.keys(STAGES) as Stage[]).filter((stage) =>
      [...runs, ...trials].every((run) => run.stage !== stage),
    );
    const tests = runs.filter(({ stage }) => stage === "test");
    const left = TEST_SEEDS.length - new Set(tests.map(({ seed }) => seed)).size;
    const parts = [
      ...(left > 0 ? [`${left} of ${TEST_SEEDS.length} seeds`] : []),
      ...(stages.length > 0 ? [`the stages ${stages.join(", ")}`] : []),
    ];
    return parts.length === 0 ? [] : [`${title}: ${parts.join("; ")}; \`--plan\` tells what they cost`];
  });
}

const TEXT = `## The paper's recipe from scratch, scaled down

Written from \`bench/results/scratch.jsonl\`; \`npm run study -- cub100-scratch --images DIR\` goes on with it, and first prints what that costs.
\`cub200-resnet18\` is the released recipe ([recipes.md](recipes.md)): ResNet18 whose last stage has 3 channels a class and stride 1, SGD with
rate 0.1, momentum 0.9 and weight decay 5e-4, batch 32, rate ÷ 10 at half and at three quarters of the epochs, α 1.5, β 20. The epochs, the
schedule and the images are scaled as each heading says. A loss that was tested with more rates than the one its trials chose has a row for each. The paper's baseline is torchvision's network with cross-entropy; the second row has cross-entropy on the
network of MC-Loss. The test images are measured five times in a run; *best* is the best of these, no honest selection. \`over CE\` is of the last
epoch against torchvision's network with the best of its tested rates, in points, with p of Student's paired t-test over the seeds (two-sided, not corrected for the number of comparisons). *training* is the training accuracy of the last epoch, *pointing* the pointing game of the class's
channels and, beside it, of the class activation map.

![Cross-entropy, L_dis and L_div in training and on the test images, and the test accuracy, epoch by epoch](images/curves.png)

_The curves of the first seed, drawn by_ \`npm run study -- curves --name cub100\`_, of the 100 classes; cross-entropy's L_dis and L_div are measured on the test images alone, and torchvision's network has
those of its 512 channels shared out among the classes._`;

function titleOf(run: ScratchResult): string {
  const { set, recipe, imageSize, precision } = run;
  return `${recipe} on ${set}, ${plannedEpochs(run)} epochs, ${imageSize} pixels, ${precision}`;
}

function describeGroup(group: readonly ScratchResult[], results: readonly ScratchResult[]): string[] {
  const of = (stage: Stage) => group.filter((result) => result.stage === stage);
  return [
    ...tabulate(of("test")),
    ...describeTrials(trialsOfGroup(group, results)),
    ...(["half", "long", "ablations"] as const).flatMap((stage) => {
      const runs = of(stage);
      if (runs.length === 0) return [];
      const base = stage === "ablations" ? of("test") : runs;
      return ["", `${STAGE_HEADS[stage]}:`, "", ...tabulate(runs, base)];
    }),
  ];
}

/** By which the rates of runs with one title were chosen. */
function trialsOfGroup(
  [first]: readonly ScratchResult[],
  results: readonly ScratchResult[],
): ScratchResult[] {
  return first ? trialsOf({ ...first, epochs: plannedEpochs(first) }, results) : [];
}

const STAGE_HEADS = {
  half: "Half of the training images",
  long: "Twice the epochs",
  ablations: "Parts of MC-Loss and other weights",
} as const;

function describeTrials(trials: readonly ScratchResult[]): string[] {
  const [first] = trials;
  if (!first) return ["", "No rate was searched: each loss has the recipe's."];
  const lines = Object.entries(COMPARED).map(([arm, { title }]) => {
    const tried = RATES.map((rate) => {
      const trial = trials.find((each) => each.arm === arm && each.learningRate === rate);
      return `${rate}: ${trial ? `${percent(trial.accuracy)} %` : "not run"}`;
    });
    return `- ${title}: ${tried.join(", ")}`;
  });
  return ["", `Accuracy of the trials by learning rate, ${first.epochs} epochs each:`, "", ...lines];
}

const HEAD = [
  ...["loss", "rate", "last map", "accuracy by seed, %", "mean ± std", "over CE", "best"],
  ...["training", "groups alone", "habit, %", "own class", "diversity"],
];

function tabulate(runs: readonly ScratchResult[], base = runs): string[] {
  if (runs.length === 0) return [];
  const boxed = runs.some(({ pointing }) => pointing !== undefined);
  const rows = ARM_NAMES.flatMap((arm) => {
    const own = runs.filter((run) => run.arm === arm).sort((a, b) => a.seed - b.seed);
    return byRate(own).map((same) => cellsOf(arm, same, base, boxed));
  });
  const head = [...HEAD, ...(boxed ? ["pointing, %", "of CAM"] : [])];
  return [
    row(head),
    row(["-", "-:", "-", "-", ...head.slice(4).map(() => "-:")]),
    ...rows.map(row),
    "",
    `By chance: habit ${chances(runs)}.`,
  ];
}

/** Of each size of the last map, the whole test set's and one class's images. */
function chances(runs: readonly ScratchResult[]): string {
  const sizes = new Map(runs.map((run) => [run.places, run]));
  return [...sizes]
    .sort(([a], [b]) => a - b)
    .map(([places, { images, classes }]) => {
      const side = Math.sqrt(places);
      const [all, own] = [images.held, Math.round(images.held / classes)].map((count) =>
        percent(expectedModeCount(count, places) / count),
      );
      return `${all} % and, of the own class, ${own} % at ${side}×${side}`;
    })
    .join("; ");
}

function cellsOf(
  arm: ArmName,
  own: readonly ScratchResult[],
  base: readonly ScratchResult[],
  boxed: boolean,
): string[] {
  const [first] = own;
  const side = Math.sqrt(first?.places ?? 0);
  const accuracies = own.map(({ accuracy }) => 100 * accuracy);
  const { mean: accuracy, std } = spread(accuracies);
  const over = (["bestAccuracy", "trainAccuracy", "groupAccuracy", "habit", "ownHabit"] as const).map(
    (figure) => percent(mean(own.map((run) => run[figure]))),
  );
  return [
    armOf(arm).title,
    String(first?.learningRate),
    `${first?.channels ?? 0}×${side}×${side}`,
    accuracies.map((each) => each.toFixed(1)).join(", "),
    accuracy.toFixed(1) + (std === undefined ? "" : ` ± ${std.toFixed(1)}`),
    overPlain(own, base),
    ...over,
    mean(own.map(({ channelDiversity }) => channelDiversity)).toFixed(2),
    ...(boxed
      ? [
          percent(mean(own.map(({ pointing = NaN }) => pointing))),
          percent(mean(own.map(({ camPointing = NaN }) => camPointing))),
        ]
      : []),
  ];
}

/** In points against the baseline of the same seeds, with the rate that is its best; "" where there is none. */
function overPlain(own: readonly ScratchResult[], base: readonly ScratchResult[]): string {
  const gains = own.some(({ arm }) => arm === "ce") ? [] : gainsOver(own, base);
  if (gains.length === 0) return "";
  const { mean: points, p } = summarize(gains);
  const chance = p === undefined ? "" : `, p ${p < 0.001 ? "< 0.001" : p.toFixed(3)}`;
  return signedPoints(points) + chance;
}

/** Of the seeds that both have. */
function gainsOver(own: readonly ScratchResult[], base: readonly ScratchResult[]): number[] {
  const baseline = bestTested(base.filter(({ arm }) => arm === "ce"));
  return own.flatMap((run) => {
    const plain = baseline.find(({ seed }) => seed === run.seed);
    return plain ? [100 * (run.accuracy - plain.accuracy)] : [];
  });
}
