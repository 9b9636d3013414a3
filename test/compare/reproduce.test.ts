import { expect } from "chai";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  reproduce,
  reproductionTable,
  type Reproduction,
  type ReproductionRun,
} from "mutual-channel-loss/report";
import { changeRecipe, recipes } from "mutual-channel-loss/train";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { writeRun } from "../support/write-run.js";

const folder = temporaryFolder();
const recipe = recipes.get("cub200-resnet18")!;

/** Instead of training: the accuracy falls in the last epoch. */
async function pretend({ name, recipe: { seed, loss, network }, output }: ReproductionRun): Promise<void> {
  const last = (name === "ce" ? 0.45 : 0.55) + seed ** 2 / 100;
  await writeRun(output, { seed, loss, network: network.name, accuracies: [last + 0.05, last] });
}

describe("reproduce", () => {
  let result: Reproduction;
  const seen: ReproductionRun[] = [];
  const output = () => join(folder(), "whole");
  const train = (run: ReproductionRun) => {
    seen.push(run);
    return pretend(run);
  };

  before(async () => {
    result = await reproduce({ train, recipe, seeds: [0, 1], output: output() });
  });

  it("trains cross-entropy on the network as it is and MC-Loss on the widened one, seed by seed", () => {
    expect(seen.map(({ name, recipe: { seed } }) => [name, seed])).to.deep.equal([
      ["ce", 0],
      ["mc", 0],
      ["ce", 1],
      ["mc", 1],
    ]);
    const [ce, mc] = seen.map((run) => run.recipe);
    expect([ce!.loss, mc!.loss]).to.deep.equal(["ce", recipe.loss]);
    expect(ce!.network).to.not.have.property("channelsPerClass");
    expect(mc!.network).to.deep.equal(recipe.network);
  });

  it("tells the last and the best epoch apart, and the gain over the seeds that both have", async () => {
    const [ce, mc] = result.rows;
    expect([ce!.last.mean, ce!.best.mean].map((share) => share.toFixed(4))).to.deep.equal([
      "0.4550",
      "0.5050",
    ]);
    expect(mc!.gain?.last).to.deep.include({ pairs: 2 });
    expect(mc!.gain?.last.difference).to.be.closeTo(0.1, 1e-12);
    // What is finished is kept; another seed is added.
    seen.length = 0;
    const again = await reproduce({ train, recipe, seeds: [0, 1, 2], output: output() });
    expect(seen.map(({ recipe: { seed } }) => seed)).to.deep.equal([2, 2]);
    expect(again.rows[1]!.gain?.last.pairs).to.equal(3);
  });

  it("says which run it leaves out, as it was trained otherwise than the other seeds", async () => {
    const changes = [{ epoch: 2, option: "clipNorm", from: null, to: 1 }];
    const odd = async (run: ReproductionRun) => {
      await pretend(run);
      if (run.name === "ce" || run.recipe.seed > 0) return;
      const path = join(run.output, "run.json");
      const info = JSON.parse(await readFile(path, "utf8")) as object;
      await writeFile(path, JSON.stringify({ ...info, changes }));
    };
    const output = join(folder(), "odd");
    const { rows, leftOut } = await reproduce({ train: odd, recipe, seeds: [0, 1, 2], output });
    expect(rows.map(({ runs }) => runs.map(({ seed }) => seed))).to.deep.equal([
      [0, 1, 2],
      [1, 2],
    ]);
    expect(leftOut.map((run) => run.folder)).to.deep.equal([join(output, "mc", "seed-0")]);
    const text = reproductionTable({ ...result, leftOut });
    expect(text).to.match(
      /^left out, as it was not trained as the others: .*mc.seed-0 \(MC-Loss .*clipNorm/m,
    );
  });

  it("is written for a terminal, in Markdown and in LaTeX", () => {
    const text = reproductionTable(result);
    expect(text).to.match(
      /^cross-entropy, the network not widened +2 +45\.50 ± 0\.71 +50\.50 ± 0\.71 +45\.70, the paper \?$/m,
    );
    expect(text).to.match(/^MC-Loss +2 +55\.50 ± 0\.71 +60\.50 ± 0\.71 +59\.41, the paper \?$/m);
    expect(text).to.match(/^gain +2 +\+10\.00 +\+10\.00 +\+13\.71, the paper \?$/m);
    expect(text)
      .to.match(/no honest selection/)
      .and.not.match(/not the recipe's/);
    const markdown = reproductionTable(result, "markdown").split("\n");
    expect(markdown[3]).to.equal("| MC-Loss | 2 | 55.50 ± 0.71 | 60.50 ± 0.71 | 59.41, the paper ? |");
    const latex = reproductionTable(result, "latex");
    expect(latex).to.contain("MC-Loss & 2 & 55.50 $\\pm$ 0.71 & 60.50 $\\pm$ 0.71 & 59.41, the paper ? \\\\");
    expect(latex).to.contain("images in \\%, after 300 epochs");
  });

  it("says what is not the recipe's, and refuses another recipe in the same folder", async () => {
    const changed = changeRecipe(recipe, { epochs: 2, schedule: { milestones: [1] } });
    const other = await reproduce({ train, recipe: changed, seeds: [0], output: join(folder(), "small") });
    expect(other.changed).to.deep.equal(["epochs", "schedule.milestones"]);
    expect(reproductionTable(other)).to.match(/^not the recipe's, .*: epochs, schedule\.milestones$/m);
    const refused = await rejected(reproduce({ train, recipe: changed, seeds: [0], output: output() }));
    expect(refused.message).to.match(/holds a reproduction with another recipe\.\w+/);
    const none = changeRecipe(recipe, { loss: "ce" });
    const wrong = await rejected(
      reproduce({ train, recipe: none, seeds: [0], output: join(folder(), "none") }),
    );
    expect(wrong).to.include({ code: "ERR_ARGUMENT", argument: "recipe.loss" });
  });
});
