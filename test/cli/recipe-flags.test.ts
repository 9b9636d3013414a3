import { expect } from "chai";
import { mixingNames } from "#lib/cli/arguments.js";
import { patchOfFlags } from "#lib/cli/recipe-flags.js";
import { changeRecipe } from "#lib/recipes/change.js";
import { DEFAULT_RECIPE } from "#lib/recipes/default-recipe.js";
import { parseAssignment } from "#lib/recipes/patch.js";
import type { Recipe } from "mutual-channel-loss/train";
import { caught } from "../support/errors.js";

function lossOf(recipe: Recipe, flags: Record<string, unknown>): Recipe["loss"] {
  return changeRecipe(recipe, patchOfFlags(recipe, flags)).loss;
}

describe("--mix", () => {
  it("takes several ways, whose options --set changes", () => {
    const mix = mixingNames("mixup,cutmix");
    const mixed = changeRecipe(DEFAULT_RECIPE, patchOfFlags(DEFAULT_RECIPE, { mix }));
    expect(mixed.mix).to.deep.equal([{ type: "mixup" }, { type: "cutmix" }]);
    const softer = changeRecipe(mixed, parseAssignment("mix[0].alpha=0.2"));
    expect(softer.mix).to.deep.equal([{ type: "mixup", alpha: 0.2 }, { type: "cutmix" }]);
    expect(() => mixingNames("mixup,blend")).to.throw("Each must be one of mixup, cutmix, none.");
  });
});

describe("--loss and --optimizer", () => {
  it("take any of them, without what belonged to another", () => {
    expect(lossOf(DEFAULT_RECIPE, { loss: "ce" })).to.equal("ce");
    expect(lossOf(DEFAULT_RECIPE, { loss: "focal" })).to.deep.equal({ type: "focal" });
    expect(lossOf(DEFAULT_RECIPE, { loss: "mc", beta: 3 })).to.deep.equal({ alpha: 1.5, beta: 3 });
    expect(lossOf(DEFAULT_RECIPE, { diversityOver: "own" })).to.include({ diversityOver: "own" });
    const plain: Recipe = { ...DEFAULT_RECIPE, loss: "ce" };
    expect(lossOf(plain, { loss: "maximumEntropy" })).to.deep.equal({ type: "maximumEntropy" });
    expect(lossOf(plain, { loss: "mc" })).to.deep.equal(DEFAULT_RECIPE.loss);
    const { optimizer } = changeRecipe(
      DEFAULT_RECIPE,
      patchOfFlags(DEFAULT_RECIPE, { optimizer: "rmsprop" }),
    );
    expect(optimizer).to.deep.equal({ type: "rmsprop", learningRate: 0.05 });
  });

  it("keep the recipe's own options of the one that it has", () => {
    const focal: Recipe = { ...DEFAULT_RECIPE, loss: { type: "focal", gamma: 3 } };
    expect(lossOf(focal, { loss: "focal" })).to.deep.equal({ type: "focal", gamma: 3 });
  });

  it("weigh classes in cross-entropy alone, or in that beside MC-Loss", () => {
    const beside = {
      ...(DEFAULT_RECIPE.loss as object),
      classification: { type: "ce", labelSmoothing: 0, classWeights: "balanced" },
    };
    expect(lossOf(DEFAULT_RECIPE, { classWeights: "balanced" })).to.deep.equal(beside);
    const classWeights = { effectiveNumber: 0.99 };
    expect(lossOf(DEFAULT_RECIPE, { loss: "ce", classWeights })).to.deep.equal({ type: "ce", classWeights });
    const smooth: Recipe = { ...DEFAULT_RECIPE, loss: { type: "ce", labelSmoothing: 0.1 } };
    expect(lossOf(smooth, { classWeights })).to.deep.equal({ type: "ce", labelSmoothing: 0.1, classWeights });
    expect(caught(() => lossOf(DEFAULT_RECIPE, { loss: "focal", classWeights })).message).to.match(
      /^loss\.classWeights: is not known here/,
    );
  });

  it("refuse weights of MC-Loss beside another loss", () => {
    expect(caught(() => lossOf(DEFAULT_RECIPE, { loss: "focal", beta: 3 })).message).to.match(
      /^loss\.beta: is not known here/,
    );
  });
});
