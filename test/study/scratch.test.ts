import { expect } from "chai";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { openTrainingSets } from "#lib/data/training-sets.js";
import { runFiles } from "#lib/run/run-files.js";
import { drawCurves } from "../../bench/study/scratch/curves.js";
import { describeScratch, listScratchMissing } from "../../bench/study/scratch/describe.js";
import {
  chooseRate,
  estimateSeconds,
  imagesOf,
  listRuns,
  type Plan,
} from "../../bench/study/scratch/plan.js";
import { keyOf, type ScratchResult, type ScratchRun } from "../../bench/study/scratch/results.js";
import { divide, planScratch, recipeOf, train } from "../../bench/study/scratch/run.js";
import { logged } from "../support/console.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";

const plan: Plan = {
  set: "birds",
  recipe: "cub200-resnet18",
  epochs: 60,
  imageSize: 96,
  precision: "float32",
  stages: ["rates", "test"],
  seeds: [0, 1],
};

const folder = temporaryFolder();

function resultOf(run: ScratchRun, accuracy: number): ScratchResult {
  const curve = {
    crossEntropy: [2, 1],
    discriminality: [3, null],
    diversity: [0.5, 0.1],
    accuracy: [0.1, 0.2],
  };
  return {
    ...run,
    ...{ classes: 100, images: { train: 100, held: 100 }, channels: 300, places: 36, macs: 1e9 },
    ...{ accuracy, bestAccuracy: accuracy, bestEpoch: 60, groupAccuracy: 0.5, trainAccuracy: 0.9 },
    ...{ channelDiversity: 0.8, alignment: 0.5, habit: 0.1, ownHabit: 0.2 },
    curves: { train: curve, held: { ...curve, epochs: [30, 60], groupAccuracy: [0.4, 0.5] } },
    ...{ seconds: 1200, versions: {} },
  };
}

describe("the plan of a study from scratch", () => {
  it("tries each rate for each loss, then tests them seed by seed", () => {
    const trials = listRuns(plan, "rates", []);
    expect(trials.map(({ arm, learningRate }) => `${arm} ${learningRate}`)).to.deep.equal([
      ...["ce 0.003", "ce-widened 0.003", "mc 0.003"],
      ...["ce 0.01", "ce-widened 0.01", "mc 0.01"],
      ...["ce 0.03", "ce-widened 0.03", "mc 0.03"],
      ...["ce 0.1", "ce-widened 0.1", "mc 0.1"],
      ...["ce 0.3", "ce-widened 0.3", "mc 0.3"],
    ]);
    expect(trials.every(({ seed }) => !plan.seeds.includes(seed))).to.equal(true);
    const tests = listRuns(plan, "test", []).map(({ arm, seed }) => `${arm} ${seed}`);
    expect(tests).to.deep.equal([
      ...["ce 0", "ce-widened 0", "mc 0", "beta-1 0"],
      ...["ce 1", "ce-widened 1", "mc 1", "beta-1 1"],
    ]);
    expect(listRuns(plan, "long", []).map(({ epochs, seed }) => [epochs, seed])).to.deep.equal(
      new Array(4).fill([120, 0]),
    );
  });

  it("leaves out of the ablations what is tested anyway, and gives every run a key of its own", () => {
    const ablations = listRuns(plan, "ablations", []);
    expect(ablations.map(({ arm }) => arm))
      .to.include.members(["no-cwa", "ccap", "no-diversity", "no-discriminality", "alpha-15", "beta-200"])
      .and.not.include("beta-1");
    const runs = (["rates", "test", "half", "long", "ablations"] as const).flatMap((stage) =>
      listRuns(plan, stage, []),
    );
    expect(new Set(runs.map(keyOf)).size).to.equal(runs.length);
  });

  it("takes the recipe's rate until all its trials are finished, then each loss its best, an ablation that of MC-Loss", () => {
    const trials = listRuns(plan, "rates", []).map((run) =>
      resultOf(run, run.learningRate === (run.arm === "ce" ? 0.03 : 0.3) ? 0.5 : 0.4),
    );
    expect(chooseRate(plan, "ce", trials.slice(1))).to.equal(0.1);
    const rates = (["ce", "ce-widened", "mc", "no-cwa"] as const).map((arm) => chooseRate(plan, arm, trials));
    expect(rates).to.deep.equal([0.03, 0.3, 0.3, 0.3]);
    expect(chooseRate({ ...plan, epochs: 30 }, "ce", trials)).to.equal(0.1);
    expect(chooseRate({ ...plan, epochs: 90 }, "ce", trials), "trials of fewer epochs").to.equal(0.03);
    const few = listRuns({ ...plan, rateEpochs: 20, arms: ["ce"] }, "rates", []);
    expect(few.map(({ arm, epochs }) => [arm, epochs])).to.deep.equal(new Array(5).fill(["ce", 20]));
    const others = few.map((run) => resultOf(run, run.learningRate === 0.3 ? 0.9 : 0.1));
    expect(chooseRate(plan, "ce", [...trials, ...others]), "of those of as many epochs").to.equal(0.03);
    expect(chooseRate(plan, "ce", others)).to.equal(0.3);
    expect(listRuns(plan, "test", trials).map(({ learningRate }) => learningRate)).to.deep.equal([
      0.03, 0.3, 0.3, 0.3, 0.03, 0.3, 0.3, 0.3,
    ]);
  });

  it("goes on after the tests with the rate that did best of those with the most seeds", () => {
    const [ce, , mc] = listRuns(plan, "test", []);
    const tested = (run: ScratchRun, learningRate: number, accuracies: number[]) =>
      accuracies.map((accuracy, seed) => resultOf({ ...run, learningRate, seed }, accuracy));
    const results = [
      ...tested(ce!, 0.01, [0.9]),
      ...tested(ce!, 0.03, [0.4, 0.4]),
      ...tested(ce!, 0.1, [0.5, 0.2]),
      ...tested(mc!, 0.3, [0.5, 0.6]),
      ...tested({ ...mc!, imageSize: 64 }, 0.01, [0.9, 0.9]),
    ];
    const rates = (["half", "long", "ablations"] as const).map((stage) =>
      listRuns(plan, stage, results).map(({ arm, learningRate }) => [arm, learningRate]),
    );
    expect(Object.fromEntries(rates[0]!)).to.deep.equal({
      ce: 0.03,
      "ce-widened": 0.1,
      mc: 0.3,
      "beta-1": 0.3,
    });
    expect(rates[1]).to.deep.equal(rates[0]);
    const given = { ...plan, learningRate: 0.05 };
    for (const stage of ["test", "half", "long", "ablations"] as const)
      expect(listRuns(given, stage, results).every((run) => run.learningRate === 0.05)).to.equal(true);
    expect(listRuns(given, "rates", results).every((run) => run.learningRate !== 0.05)).to.equal(true);
    expect(Object.fromEntries(rates[2]!)).to.include({ "no-cwa": 0.3, "beta-200": 0.3 });
    const text = describeScratch(results.filter(({ imageSize }) => imageSize === plan.imageSize)).join("\n");
    expect(text, "against the best of the baseline's").to.match(
      /50\.0, 60\.0 \| 55\.0 ± 7\.1 \| \+15\.0, p 0\.205/,
    );
  });

  it("estimates what a run costs by what such runs took", () => {
    const [run] = listRuns(plan, "test", []);
    const before = estimateSeconds(run!, { images: 100, macs: 1e9 }, []);
    expect(estimateSeconds(run!, { images: 200, macs: 3e9 }, [])).to.be.closeTo(6 * before, 1e-6);
    const measured = [resultOf(run!, 0.5)];
    expect(estimateSeconds(run!, { images: 200, macs: 1e9 }, measured)).to.be.closeTo(2400, 1e-6);
    const [half] = listRuns(plan, "half", []);
    expect([run!, half!].map((each) => imagesOf(each, 200))).to.deep.equal([200, 100]);
  });

  it("scales the paper's recipe: its schedule, its images, and the baseline's network", async () => {
    const [ce, , mc] = await Promise.all(listRuns(plan, "test", []).map(recipeOf));
    expect(mc).to.deep.include({ loss: { alpha: 1.5, beta: 20, keep: 2 }, epochs: 60, batchSize: 32 });
    expect(mc!.schedule).to.deep.include({ milestones: [30, 45] });
    expect(mc!.network).to.deep.include({ channelsPerClass: 3, inputSize: 96 });
    expect(ce!.loss).to.equal("ce");
    expect(ce!.network).to.not.have.property("channelsPerClass");
  });
});

describe("a study from scratch", () => {
  let dir: string;

  before(async () => {
    dir = join(folder(), "birds");
    await writeColorFolder(join(dir, "train"), 4);
    await writeColorFolder(join(dir, "test"), 2);
  });

  it("holds out a fifth of the training images of a trial, and the test images of all other runs", async () => {
    const sets = await openTrainingSets({ dir });
    const counts = (["rates", "test", "half", "long"] as const).map((stage) => {
      const { train, held } = divide(sets, listRuns(plan, stage, [])[0]!);
      return [train.length, held.length];
    });
    const all = sets.images.length;
    expect(counts[0]![0]! + counts[0]![1]!).to.equal(all);
    expect(counts.slice(1)).to.deep.equal([
      [all, all / 2],
      [all / 2, all / 2],
      [all, all / 2],
    ]);
  });

  it("keeps the curves of a run, and goes on with one that was interrupted", async () => {
    const sets = await openTrainingSets({ dir });
    const [, , run] = listRuns({ ...plan, epochs: 2, imageSize: 32, seeds: [0] }, "test", []);
    const never = new AbortController().signal;
    const output = join(folder(), "halves");
    const interrupt = new AbortController();
    const first = train(run!, sets, output, interrupt.signal).catch(() => undefined);
    const whenTrained = setInterval(() => existsSync(runFiles(output).metrics) && interrupt.abort(), 5);
    await first;
    clearInterval(whenTrained);
    const { seconds: _, ...result } = await train(run!, sets, output, never);
    const { seconds, ...whole } = await train(run!, sets, join(folder(), "whole"), never);
    expect(result).to.deep.equal(whole);
    expect(result).to.deep.include({ arm: "mc", channels: 9, places: 4 });
    expect(result.curves.train.diversity).to.have.length(2);
    expect(result.curves.held.epochs).to.deep.equal([1, 2]);
    expect(result.curves.held.discriminality).to.have.length(2);
    expect(JSON.stringify(result)).to.have.length.below(1500);
    const lines = describeScratch([{ ...result, seconds }]).join("\n");
    expect(lines).to.match(/\| MC-Loss, α 1\.5, β 20 \| 0\.1 \| 9×2×2 \|/);
    const picture = join(folder(), "curves.png");
    await drawCurves(picture, [{ ...result, seconds }]);
    expect((await sharp(await readFile(picture)).metadata()).format).to.equal("png");
  });

  it("tells what it costs before anything is trained", async () => {
    const told = await logged(() => planScratch({ ...plan, images: dir }));
    expect(told.join("\n")).to.match(
      /^rates: 15 runs left, some .* hours: .*\ntest: 8 runs left, .*\ntogether some .* hours of one core/,
    );
  });
});

describe("the report of a study from scratch", () => {
  it("sets each loss beside cross-entropy of the same seeds, with p", () => {
    const accuracyOf = ({ arm, seed }: ScratchRun) => (arm === "mc" ? 0.5 + seed / 100 : 0.4);
    const results = listRuns(plan, "test", []).map((run) => resultOf(run, accuracyOf(run)));
    const text = describeScratch(results).join("\n");
    expect(text).to.include("**cub200-resnet18 on birds, 60 epochs, 96 pixels, float32**");
    expect(text).to.match(
      /\| MC-Loss, α 1\.5, β 20 \| 0\.1 \| 300×6×6 \| 50\.0, 51\.0 \| 50\.5 ± 0\.7 \| \+10\.5, p 0\.030 \|/,
    );
    expect(text).to.include("No rate was searched");
    const trials = listRuns(plan, "rates", []).map((run) =>
      resultOf(run, run.arm === "ce" && run.learningRate === 0.3 ? 0.9 : 0.1 + run.learningRate / 10),
    );
    const [first] = listRuns(plan, "test", trials).map((run) => resultOf(run, 0.45));
    expect(first).to.include({ arm: "ce", learningRate: 0.3, seed: 0 });
    const searched = describeScratch([...results, ...trials, first!]).join("\n");
    expect(searched, "each rate that was tested")
      .to.match(/\| CE, torchvision's network \| 0\.1 \| \S+ \| 40\.0, 40\.0 \|/)
      .and.match(/\| CE, torchvision's network \| 0\.3 \| \S+ \| 45\.0 \|/)
      .and.include("0.03: 10.3 %, 0.1: 11.0 %, 0.3: 90.0 %");
    const half = describeScratch([
      ...results,
      ...listRuns(plan, "half", []).map((run) => resultOf(run, 0.3)),
    ]);
    expect(half.join("\n")).to.include("Half of the training images:");
    expect(listScratchMissing(results)).to.have.length(1);
    expect(listScratchMissing(results)[0])
      .to.match(/^cub200-resnet18 on birds, 60 epochs, .*: 3 of 5 seeds; /)
      .and.match(/the stages rates, half, long, ablations; /);
    expect(listScratchMissing([...results, ...trials])[0]).to.match(/the stages half, long, ablations; /);
  });
});
