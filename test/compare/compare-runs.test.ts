import { expect } from "chai";
import { appendFile, cp, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type LossOptions } from "mutual-channel-loss";
import { compareRuns, comparisonTable } from "mutual-channel-loss/report";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { writeRun } from "../support/write-run.js";

const folder = temporaryFolder();

/** Runs with these final accuracies, one a seed; the epoch before was better by 0.01. */
async function runs(name: string, loss: LossOptions, finals: number[], rest: object = {}): Promise<string[]> {
  return Promise.all(
    finals.map((final, seed) => {
      return writeRun(join(folder(), `${name}-${seed}`), {
        loss,
        seed,
        accuracies: [0.2, final + 0.01, final],
        ...rest,
      });
    }),
  );
}

const PUBLISHED = {
  mc: { loss: "mc", accuracy: 0.873, source: "paper" },
  ce: { loss: "ce", accuracy: 0.841, source: "paper" },
} as const;
const CE = [0.8, 0.82, 0.79, 0.81];
const MC = [0.83, 0.84, 0.85, 0.82];

describe("compareRuns", () => {
  it("puts runs that differ by their seed together, beside cross-entropy with the paired t-test", async () => {
    const ce = await runs("ce", "ce", CE);
    const mc = await runs("mc", { alpha: 1.5, beta: 10 }, MC);
    const { groups } = await compareRuns([...mc, ...ce]);
    expect(groups.map(({ label }) => label)).to.deep.equal(["MC-Loss α 1.5 β 10", "cross-entropy"]);
    const [first, baseline] = groups;
    expect(baseline!.final.mean).to.be.closeTo(0.805, 1e-12);
    expect(baseline!.final.std).to.be.closeTo(0.012909944487358068, 1e-12);
    expect(baseline!.best.mean).to.be.closeTo(0.815, 1e-12);
    expect(baseline).to.not.have.property("gain");
    expect(first!.gain).to.include({ baseline: "cross-entropy" });
    expect(first!.gain!.final).to.include({ pairs: 4 });
    expect(first!.gain!.final.difference).to.be.closeTo(0.03, 1e-12);
    // scipy.stats.ttest_rel
    expect(first!.gain!.final.p).to.be.closeTo(0.06913686926442907, 1e-9);
  });

  it("pairs the seeds that both have, and gives no p below two of them", async () => {
    const ce = await runs("few-ce", "ce", [0.5]);
    const mc = await runs("few-mc", {}, [0.6, 0.9]);
    const [, group] = (await compareRuns([...ce, ...mc])).groups;
    expect(group!.gain!.final).to.have.all.keys("difference", "pairs");
    expect(group!.gain!.final.pairs).to.equal(1);
    expect(group!.gain!.final.difference).to.be.closeTo(0.1, 1e-12);
    const other = await writeRun(join(folder(), "few-other"), { seed: 7, loss: "ce", accuracies: [0.5] });
    const [, unpaired] = (await compareRuns([other, ...mc])).groups;
    expect(unpaired!.gain!.final.pairs).to.equal(0);
    expect(unpaired!.gain!.final.difference).to.be.closeTo(0.25, 1e-12);
  });

  it("keeps other settings apart and names them, and takes the best baseline of the same task", async () => {
    const at = (learningRate: number) => ({ options: { optimizer: { learningRate } } });
    const slow = await runs("slow", "ce", [0.7, 0.7], at(0.01));
    const fast = await runs("fast", { type: "ce" }, [0.75, 0.74], at(0.1));
    const mc = await runs("other", {}, [0.8, 0.8], at(0.3));
    const elsewhere = await runs("elsewhere", "ce", [0.9, 0.9], { network: "vgg16", ...at(0.2) });
    const { groups } = await compareRuns([...slow, ...fast, ...mc, ...elsewhere]);
    expect(groups.slice(0, 3).map(({ label }) => label)).to.deep.equal([
      "cross-entropy, network resnet18, learningRate 0.01",
      "cross-entropy, network resnet18, learningRate 0.1",
      "MC-Loss α 1.5 β 20, network resnet18, learningRate 0.3",
    ]);
    expect(groups[2]!.gain!.baseline).to.equal(groups[1]!.label);
  });

  it("keeps a run apart whose options were changed on the way, but not one that only went on", async () => {
    const changed = [{ epoch: 2, option: "clipNorm", from: null, to: 1 }];
    const whole = await runs("whole", "ce", [0.7, 0.7]);
    const [, , again] = await runs("again", "ce", [0.7, 0.7, 0.7], { changes: [] });
    const [, , , other] = await runs("changed", "ce", [0.7, 0.7, 0.7, 0.7], { changes: changed });
    const { groups } = await compareRuns([...whole, again!, other!]);
    expect(groups.map((group) => group.runs.length)).to.deep.equal([3, 1]);
  });

  it("keeps other images apart, but not another revision of the manifest that lists the same", async () => {
    const of = (letter: string, commit: string) => {
      const train = { count: 9, sha256: letter.repeat(64), manifest: { commit, modified: false } };
      return { about: { images: { train } } };
    };
    const first = await runs("images-a", "ce", [0.5], of("a", "1"));
    const other = await runs("images-b", "ce", [0.5], of("b", "1"));
    const again = await runs("images-again", "ce", [0.5, 0.5], of("a", "2"));
    const { groups } = await compareRuns([...first, ...other, ...again.slice(1)]);
    expect(groups.map(({ label, runs }) => [label, runs.length])).to.deep.equal([
      ["cross-entropy, sha256 aaaaaaaaaaaa", 2],
      ["cross-entropy, sha256 bbbbbbbbbbbb", 1],
    ]);
  });

  it("takes images for the same by their contents, whenever they were looked at and wherever they are", async () => {
    const of = (dir: string, time: string, contents = "c".repeat(64)) => ({
      about: { data: { dir }, images: { time, train: { count: 9, sha256: "a".repeat(64), contents } } },
    });
    const first = await runs("contents-a", "ce", [0.5], of("photos", "2026-01-01T00:00:00.000Z"));
    const moved = await runs("contents-b", "ce", [0.6], of("/data/photos", "2026-01-02T00:00:00.000Z"));
    const other = await runs(
      "contents-c",
      "ce",
      [0.7],
      of("photos", "2026-01-01T00:00:00.000Z", "d".repeat(64)),
    );
    const { groups } = await compareRuns([...first, ...moved, ...other]);
    expect(groups.map(({ label, runs }) => [label, runs.length])).to.deep.equal([
      ["cross-entropy, contents cccccccccccc", 2],
      ["cross-entropy, contents dddddddddddd", 1],
    ]);
  });

  it("names the ablations and the other losses", async () => {
    const losses: LossOptions[] = [
      { keep: "all" },
      { pooling: "mean" },
      { beta: 0 },
      { alpha: 0 },
      { type: "ce", labelSmoothing: 0.1 },
      { type: "focal" },
      { type: "ce", center: {} },
      { classification: { type: "focal", gamma: 1 } },
    ];
    const folders = await Promise.all(losses.map((loss, i) => runs(`named-${i}`, loss, [0.5])));
    const { groups } = await compareRuns(folders.flat());
    expect(groups.map(({ label }) => label)).to.deep.equal([
      "MC-Loss α 1.5 β 20, no CWA",
      "MC-Loss α 1.5 β 20, CCAP",
      "MC-Loss α 1.5, no diversity",
      "MC-Loss β 20, no discriminality",
      "cross-entropy, label smoothing 0.1",
      "focal loss γ 2",
      "cross-entropy, center loss λ 0.003",
      "MC-Loss α 1.5 β 20, focal loss γ 1",
    ]);
    expect(groups.every(({ gain }) => gain === undefined)).to.equal(true);
  });

  it("puts the recipe's published accuracy beside whole MC-Loss", async () => {
    const about = { recipe: { name: "cub200-resnet50", published: [PUBLISHED.mc] } };
    const mc = await runs("published", {}, [0.86], { about });
    const part = await runs("part", { beta: 0 }, [0.85], { about });
    const both = { recipe: { name: "cub200-resnet50", published: [PUBLISHED.ce, PUBLISHED.mc] } };
    const [whole, less] = (await compareRuns([...mc, ...part])).groups;
    expect(whole).to.include({ recipe: "cub200-resnet50", published: 0.873 });
    expect(less).to.not.have.property("published");
    const ce = await runs("published-ce", "ce", [0.84], { about: both });
    expect((await compareRuns(ce)).groups[0]!.published).to.equal(0.841);
    const odd = await runs("odd", {}, [0.8], {
      about: { recipe: { name: "mine", published: [PUBLISHED.ce] } },
    });
    expect((await compareRuns(odd)).groups[0])
      .to.include({ recipe: "mine" })
      .and.not.have.property("published");
    expect(comparisonTable(await compareRuns(mc))).to.match(/published %\n.* 86\.00 .* 87\.3$/);
  });

  it("prints a table, and which runs are not at their end", async () => {
    const ce = await runs("table-ce", "ce", CE);
    const mc = await runs("table-mc", {}, MC, { epochs: 3 });
    await appendFile(join(mc[0]!, "metrics.jsonl"), '{"epoch": 4, "valid'); // cut off by a kill
    const early = await writeRun(join(folder(), "early"), {
      seed: 9,
      loss: "ce",
      accuracies: [0.5],
      epochs: 3,
    });
    const table = comparisonTable(await compareRuns([...ce, ...mc, early])).split("\n");
    expect(table[0]).to.match(/^ +seeds +final % +best % +Δ final +p +Δ best +p$/);
    expect(table[1]).to.match(/^cross-entropy +5 +74\.40 ± 13\.69 +75\.20 ± 14\.13$/);
    expect(table[2]).to.match(
      /^MC-Loss α 1\.5 β 20 +4 +83\.50 ± 1\.29 +84\.50 ± 1\.29 +\+3\.00 +0\.0\d\d +\+3\.00/,
    );
    expect(table[3]).to.equal(`${early} is at epoch 1 of 3`);
  });

  it("names what it cannot read", async () => {
    const missing = await rejected(compareRuns([join(folder(), "missing")]));
    expect(missing).to.include({ code: "ERR_IO", path: join(folder(), "missing", "run.json") });
    const path = await writeRun(join(folder(), "unvalidated"), { seed: 0, accuracies: [] });
    expect((await rejected(compareRuns([path]))).message).to.match(
      /metrics\.jsonl has no validation accuracy/,
    );
    await writeFile(join(path, "metrics.jsonl"), "{oops}\n");
    expect((await rejected(compareRuns([path]))).path).to.equal(join(path, "metrics.jsonl"));
    await writeFile(join(path, "run.json"), '{"format": 1, "model": {}}');
    expect((await rejected(compareRuns([path]))).message).to.match(
      /run\.json is damaged.*started: is missing/,
    );
    expect((await rejected(compareRuns([]))).argument).to.equal("folders");
  });

  it("refuses the same run twice: its folder by another way, or a copy; but not another run of the same seed", async () => {
    const [run] = await runs("twice", "ce", [0.5]);
    const [copy, link] = ["copy", "link"].map((name) => join(folder(), name));
    await cp(run!, copy!, { recursive: true });
    await symlink(run!, link!);
    for (const other of [run!, join(run!, "..", "twice-0"), copy!, link!]) {
      const { argument, message } = await rejected(compareRuns([run!, other]));
      expect(argument).to.equal("folders");
      expect(message).to.contain(`the same run is there twice: ${run} and ${other}`);
    }
    const [again] = await runs("again", "ce", [0.6]);
    const mc = await runs("beside", {}, [0.7]);
    const comparison = await compareRuns([run!, again!, ...mc]);
    expect(comparison.groups.map((group) => group.runs.length)).to.deep.equal([2, 1]);
    expect(comparison.groups[1]!.gain!.final).to.include({ pairs: 1 });
    expect(comparison.groups[1]!.gain!.final.difference).to.be.closeTo(0.7 - 0.55, 1e-12);
    expect(comparisonTable(comparison)).to.contain(
      `${run} and ${again} are of the same seed, 0: their mean stands for it`,
    );
  });

  it("keeps losses apart in whatever they differ, and names it", async () => {
    const plain = { alpha: 1.5, beta: 20 };
    const losses: [object, string][] = [
      [{ betaWarmupEpochs: 3 }, "β warmed up for 3 epochs"],
      [{ keep: { drop: 0.6 } }, "drops 0.6 of the channels"],
      [{ keep: 1 }, "keeps 1 channels"],
      [{ perSample: true }, "a mask per sample"],
      [{ diversityPooling: "mean" }, "mean diversity"],
      [{ diversityOver: "blocks" }, "diversity summed over blocks"],
      [{ diversityOver: "own" }, "diversity of the own class"],
      [{ center: { rate: 0.1 } }, "center loss λ 0.003, center rate 0.1"],
      [{ center: {} }, "center loss λ 0.003"],
      [{ classification: { type: "ce", labelSmoothing: 0.1 } }, "cross-entropy, label smoothing 0.1"],
      [{ margin: { size: 3 } }, "margin.size 3"],
    ];
    const written = await Promise.all(
      losses.map(([loss], i) => runs(`whole-${i}`, { ...plain, ...loss }, [0.5])),
    );
    const base = await runs("whole", plain, [0.5]);
    const { groups } = await compareRuns([...base, ...written.flat()]);
    expect(groups.map(({ label }) => label)).to.deep.equal(
      ["", ...losses.map(([, label]) => `, ${label}`)].map((label) => `MC-Loss α 1.5 β 20${label}`),
    );
  });

  it("takes losses that are alike for the same, however they are written", async () => {
    const same: object[] = [
      {},
      { type: "mc", alpha: 1.5, beta: 20 },
      { pooling: "max", center: null, perSample: false },
    ];
    const folders = await Promise.all(
      same.map((loss, i) => runs(`same-${i}`, loss as LossOptions, [0.5 + i / 10])),
    );
    expect((await compareRuns(folders.flat())).groups).to.have.length(1);
    const ce = ["ce", { type: "ce" }, { type: "ce", labelSmoothing: 0 }] as LossOptions[];
    const plain = await Promise.all(ce.map((loss, i) => runs(`same-ce-${i}`, loss, [0.5 + i / 10])));
    expect((await compareRuns(plain.flat())).groups.map(({ label }) => label)).to.deep.equal([
      "cross-entropy",
    ]);
  });

  it("names what differs by as much of its name as tells it from the rest, and where in a list", async () => {
    const resize = { type: "resize", size: 32 };
    const of = (sampler: string, cache: string, padding: number) => ({
      about: {
        recipe: {
          name: "mine",
          sampler: { type: sampler },
          cache: { type: cache },
          transforms: { train: [resize, { type: "randomCrop", padding }] },
          batchSize: padding,
        },
      },
    });
    const first = await runs("named-a", "ce", [0.5], of("shuffle", "disk", 4));
    const second = await runs("named-b", "ce", [0.5], of("balanced", "memory", 8));
    const { groups } = await compareRuns([...first, ...second]);
    expect(groups.map(({ label }) => label)).to.deep.equal([
      "cross-entropy, batchSize 4, cache.type disk, sampler.type shuffle, padding 4",
      "cross-entropy, batchSize 8, cache.type memory, sampler.type balanced, padding 8",
    ]);
  });

  it("takes accuracies that are not finite for unknown", async () => {
    const run = await writeRun(join(folder(), "gaps"), { seed: 0, loss: "ce", accuracies: [0.5, 0.7, 0.6] });
    const path = join(run, "metrics.jsonl");
    const lines = (await readFile(path, "utf8")).replace('"accuracy":0.5', '"accuracy":1e999');
    await writeFile(path, lines.replace('"accuracy":0.6', '"accuracy":null'));
    const comparison = await compareRuns([run]);
    expect(comparison.groups[0]!.best.mean).to.equal(0.7);
    expect(comparison.groups[0]!.final.mean).to.satisfy(Number.isNaN);
    expect(comparisonTable(comparison))
      .to.match(/^cross-entropy +1 +– +70\.00$/m)
      .and.not.contain("NaN");
  });
});
