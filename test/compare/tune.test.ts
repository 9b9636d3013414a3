import { expect } from "chai";
import { join } from "node:path";
import { McLossError } from "mutual-channel-loss";
import { tune, type TuneOptions, type TuneRun } from "mutual-channel-loss/report";
import { changeRecipe, recipes } from "mutual-channel-loss/train";
import { tuningTable } from "#lib/compare/tuning-table.js";
import { writeTable } from "#lib/compare/write-table.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { writeRun } from "../support/write-run.js";

const folder = temporaryFolder();
const recipe = changeRecipe(recipes.get("default")!, { epochs: 9 });

/** Instead of training: β 5 is the best, though β 1 is ahead at first. */
function accuracies(beta: number, epochs: number): number[] {
  const reached = { 1: 0.5, 5: 0.9, 20: 0.3, 50: 0.2 }[beta] ?? 0;
  const head = beta === 1 ? 0.2 : 0;
  return Array.from({ length: epochs }, (_, i) => reached * ((i + 1) / 9) + head);
}

async function pretend({ recipe: { loss, epochs, seed }, until, output }: TuneRun): Promise<void> {
  const { beta } = loss as { beta: number };
  await writeRun(output, { seed, loss, epochs, accuracies: accuracies(beta, until) });
}

const options = (name: string, more: Partial<TuneOptions> = {}): TuneOptions => ({
  train: pretend,
  recipe,
  space: { "loss.beta": [1, 5, 20, 50] },
  halving: 2,
  firstEpochs: 3,
  output: join(folder(), name),
  ...more,
});

describe("tune", () => {
  it("trains all a little, and the best on in the runs that they have", async () => {
    const seen: string[] = [];
    const train = async (run: TuneRun) => {
      seen.push(`${run.trial} until ${run.until}${run.resume ? " on" : ""}`);
      await pretend(run);
    };
    const { trials, best, figure } = await tune(options("halving", { train }));
    expect(seen).to.deep.equal([
      ...["1 until 3", "2 until 3", "3 until 3", "4 until 3"],
      ...["1 until 6 on", "2 until 6 on", "2 until 9 on"],
    ]);
    expect(trials.map(({ trial, epochs }) => [trial, epochs])).to.deep.equal([
      [2, 9],
      [1, 6],
      [3, 3],
      [4, 3],
    ]);
    expect(trials[0]).to.include({ epoch: 9, value: 0.9 });
    expect(best!.loss).to.deep.include({ beta: 5 });
    expect(figure).to.deep.equal({ part: "validation", term: "accuracy" });
    seen.length = 0;
    const again = await tune(options("halving", { train }));
    expect(seen).to.deep.equal([]);
    expect(again.trials).to.deep.equal(trials);
    const table = writeTable(tuningTable(again, "a search"), "text");
    expect(table)
      .to.match(/^2 +5 +9 +9 +90\.00$/m)
      .and.match(/chosen: an accuracy to report is of other images/);
  });

  it("goes on where it was interrupted, and refuses another search in the same folder", async () => {
    const stopping = (run: TuneRun) =>
      run.trial === 3 ? Promise.reject(new McLossError("ERR_ABORTED", "interrupted")) : pretend(run);
    const error = await rejected(tune(options("interrupted", { train: stopping })));
    expect(error.code).to.equal("ERR_ABORTED");
    const seen: number[] = [];
    const train = async (run: TuneRun) => {
      seen.push(run.trial);
      await pretend(run);
    };
    await tune(options("interrupted", { train }));
    expect(seen.slice(0, 2)).to.deep.equal([3, 4]);
    const other = await rejected(tune(options("interrupted", { seed: 1 })));
    expect(other.message).to.match(/holds a tuning with another seed: 0, now 1/);
  });

  it("puts trials whose loss exploded last, and goes on without them", async () => {
    const train = (run: TuneRun) =>
      run.values["loss.beta"] === 5
        ? Promise.reject(new McLossError("ERR_NAN_LOSS", "the loss is not finite"))
        : pretend(run);
    const { trials, best } = await tune(options("exploded", { train }));
    expect(trials.map(({ trial }) => trial)).to.deep.equal([1, 3, 4, 2]);
    expect(trials.at(-1)).to.include({ failed: "the loss is not finite", epochs: 0 });
    expect(best!.loss).to.deep.include({ beta: 1 });
    const failing = () => Promise.reject(new McLossError("ERR_NAN_LOSS", "the loss is not finite"));
    const none = await tune(options("all exploded", { train: failing }));
    expect(none.best).to.equal(undefined);
  });

  it("draws from ranges by its seed alone, and from logarithms as likely in each power of ten", async () => {
    const space = {
      "optimizer.learningRate": { low: 1e-4, high: 1, log: true },
      "optimizer.momentum": { low: 0.5, high: 0.9 },
      "loss.beta": [1, 5],
    };
    const drawn = async (name: string, seed: number) => {
      const runs: TuneRun[] = [];
      const train = async (run: TuneRun) => {
        runs.push(run);
        await writeRun(run.output, { seed: 0, accuracies: [0.1], epochs: 1 });
      };
      const short = changeRecipe(recipe, { epochs: 1 });
      await tune(options(name, { train, recipe: short, space, trials: 40, seed, halving: 1 }));
      return runs;
    };
    const runs = await drawn("drawn", 0);
    expect(runs).to.have.length(40);
    const rates = runs.map((run) => run.recipe.optimizer.learningRate);
    for (const rate of rates) expect(rate).to.be.within(1e-4, 1);
    expect(rates.filter((rate) => rate < 1e-2).length).to.be.within(10, 30);
    expect(new Set(runs.map(({ values }) => values["loss.beta"]))).to.deep.equal(new Set([1, 5]));
    const values = (some: TuneRun[]) => some.map((run) => run.values);
    expect(values(await drawn("again", 0))).to.deep.equal(values(runs));
    expect(values(await drawn("other", 1))).to.not.deep.equal(values(runs));
  });

  it("refuses what cannot be drawn, and keys that there are not, before anything is trained", async () => {
    const refused = async (more: Partial<TuneOptions>) => rejected(tune(options("refused", more)));
    expect(await refused({ space: {} })).to.include({ argument: "space" });
    expect(await refused({ space: { "loss.beta": { low: 1, high: 2 } } })).to.include({ argument: "trials" });
    const backwards = { space: { "loss.beta": { low: 2, high: 1 } }, trials: 2 };
    expect(await refused(backwards)).to.include({ argument: "space.loss.beta" });
    expect(await refused({ space: { "loss.betta": [1] } })).to.include({ argument: "loss.betta" });
    expect(await refused({ space: { "loss.beta": [-1] } })).to.include({ argument: "loss.beta" });
  });
});
