import { expect } from "chai";
import { recordedRecipe } from "#lib/run/recorded-recipe.js";

const EMPTY = {
  name: undefined,
  level: undefined,
  limits: { limitInputPixels: undefined, limitInputSide: undefined, limitInputBytes: undefined },
  published: [],
};

describe("the recipe that a run tells of", () => {
  it("is read as far as it is known here", () => {
    const accuracy = { loss: "mc", accuracy: 0.8, source: "paper", verified: true };
    const recipe = {
      name: "birds",
      dataset: { kind: "fgvc-aircraft", level: "family" },
      limitInputSide: 4000,
      published: [accuracy],
      epochs: 3,
    };
    expect(recordedRecipe({ recipe })).to.deep.equal({
      name: "birds",
      level: "family",
      limits: { ...EMPTY.limits, limitInputSide: 4000 },
      published: [accuracy],
    });
  });

  it("loses no more than what another version says in another way", () => {
    const recipe = { name: "birds", dataset: { level: "order" }, limitInputSide: "4 k", published: "none" };
    expect(recordedRecipe({ recipe })).to.deep.equal({ ...EMPTY, name: "birds" });
    expect(recordedRecipe({ recipe: { name: 3, limitInputBytes: 9 } }).limits.limitInputBytes).to.equal(9);
  });

  it("may not be there", () => {
    for (const about of [{}, { recipe: null }, { recipe: "birds" }, { recipe: [] }])
      expect(recordedRecipe(about)).to.deep.equal(EMPTY);
  });
});
