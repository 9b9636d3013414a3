import { expectedModeCount } from "#lib/loss/expected-mode.js";
import { signedPoints, summarize } from "../difference.js";
import { groupBy } from "../group-by.js";
import { nameLoss } from "./losses.js";
import { PHOTOS_RESULTS, type PhotosResult } from "./results.js";
import { mean, percent, row } from "../page-text.js";

/** What was measured on photographs, in Markdown; nothing where nothing was. */
export function describePhotos(): string[] {
  const results = PHOTOS_RESULTS.read();
  if (results.length === 0) return [];
  const comparisons = groupBy(results, ({ set, epochs, size, places }) =>
    [
      set.split("/")[0] ?? "",
      `${epochs} epochs`,
      `${size} pixels`,
      `a last map of ${Math.sqrt(places)} × ${Math.sqrt(places)}`,
    ].join(", "),
  );
  return [
    TEXT,
    ...[...comparisons].flatMap(([title, group]) => ["", `**${title}**`, "", ...tabulate(group)]),
    "",
  ];
}

const TEXT = `## Photographs: do the channels look at the image?

Written from \`bench/results/photos.jsonl\`; \`npm run study -- photos --images DIR\` does the same with a folder of your own that
has \`train/CLASS/\` and \`test/CLASS/\`. The default recipe from scratch (\`smallResNet\`, ξ = 3, SGD with learning rate 0.05 and
Nesterov momentum 0.9, cosine after 3 warm-up epochs, a padded crop and a flip, batch 32, α 1.5). No setting was searched for
any of the losses. "Own class" and "by scores" are \`diversityOver\` ([habit.md](habit.md)). \`best\` is the best of every fifth epoch, on the test images: no honest selection. \`habit\` is explained in
[loss.md](loss.md#habit); below each table is what it would be by chance. \`over CE\` is of the last epochs, in points, over the sets and
seeds that both have, with p of Student's paired t-test (two-sided, not corrected for the number of comparisons).

The photographs are of CUB-200-2011 (Wah et al. 2011; for research and education alone, so none is shown here). *birds-40*: every
second or third of 100 classes, cropped to the bird, by the split of the cropped copy, some 29 training and 30 test images each.
*cub100*: all of these 100. *cub50*: the first 50 classes, uncropped, by the published split, whose boxes tell
whether a class's channels are strongest on the bird (\`pointing\`).
*birds-6*: sets as small as a first folder of one's own, five of a kind, each of six classes with some 30 training and 24 to
30 test images: of different birds, cropped; of relatives (warblers twice, woodpeckers, vireos with wrens, and the first six by
name), cropped; and uncropped by the published split (the first 18 classes, and two mixtures).`;

function tabulate(results: readonly PhotosResult[]): string[] {
  const byLoss = [...groupBy(results, ({ loss }) => nameLoss(loss))].sort(([a], [b]) =>
    a.localeCompare(b, "en", { numeric: true }),
  );
  const base = results.filter(({ loss }) => loss === "ce");
  const boxed = results.some(({ pointing }) => pointing !== undefined);
  const rows = byLoss.map(([loss, runs]) => [
    loss,
    String(runs.length),
    percent(mean(runs.map(({ accuracy }) => accuracy))),
    over(base, runs),
    ...SHARES.map((figure) => percent(mean(runs.map((run) => run[figure])))),
    mean(runs.map(({ diversity }) => diversity)).toFixed(2),
    ...(boxed ? [percent(mean(runs.map(({ pointing = NaN }) => pointing)))] : []),
  ]);
  const chance = (draws: (run: PhotosResult) => number) =>
    percent(
      mean(
        results.map((run) => expectedModeCount(Math.round(draws(run)), run.places) / Math.round(draws(run))),
      ),
    );
  return [
    row([...HEAD, ...(boxed ? ["pointing, %"] : [])]),
    row(["-", ...new Array<string>(HEAD.length - 1 + Number(boxed)).fill("-:")]),
    ...rows.map(row),
    "",
    `By chance: habit ${chance(({ images }) => images.test)} %, own class ${chance(({ images, classes }) => images.test / classes)} %.`,
  ];
}

/** Accuracy in points against the runs of the same set and seed; "" where there are none. */
function over(base: readonly PhotosResult[], runs: readonly PhotosResult[]): string {
  const pairs = runs.flatMap((run) => {
    const pair = base.find(({ set, seed }) => set === run.set && seed === run.seed);
    return pair && pair.loss !== run.loss ? [100 * (run.accuracy - pair.accuracy)] : [];
  });
  if (pairs.length === 0) return "";
  const { mean: points, p } = summarize(pairs);
  const chance = p === undefined ? "" : `, p ${p.toFixed(2)}`;
  return signedPoints(points) + chance;
}

const HEAD = [
  "loss",
  "runs",
  "accuracy, %",
  "over CE",
  "best",
  "groups alone",
  "habit, %",
  "own class",
  "diversity",
];
const SHARES = ["bestAccuracy", "groupAccuracy", "habit", "ownHabit"] as const;
