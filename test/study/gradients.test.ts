import { expect } from "chai";
import { join } from "node:path";
import { DataLoader, ImageFolder, Model } from "mutual-channel-loss";
import { changeRecipe, recipes, scaleRecipe } from "mutual-channel-loss/train";
import { completeRecipe } from "#lib/recipes/complete-recipe.js";
import { networkSpec } from "#lib/recipes/network.js";
import { describeGradients } from "../../bench/study/scratch/describe-gradients.js";
import { normsOf } from "../../bench/study/scratch/gradients.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";

const folder = temporaryFolder();

describe("the gradients of a study from scratch", () => {
  it("are measured of each term with its weight, and told with the last map", async () => {
    const images = await ImageFolder.open(await writeColorFolder(join(folder(), "birds"), 4));
    const recipe = scaleRecipe(recipes.get("cub200-resnet18")!, { inputSize: 32 });
    const spec = networkSpec(recipe, 3);
    const measure = async (beta: number) => {
      using model = await Model.create(spec, { seed: 0 });
      const transforms = completeRecipe(recipe, spec, undefined).transforms.test;
      const loader = new DataLoader(images, { batchSize: 4, transforms });
      return await normsOf(model, loader, changeRecipe(recipe, { loss: { beta, keep: "all" } }));
    };
    const [once, twice] = [await measure(20), await measure(40)];
    expect(once).to.include({ places: 4, alpha: 1.5, beta: 20 });
    for (const norms of [once.features, once.weights]) {
      expect(Object.values(norms).every((norm) => norm > 0)).to.equal(true);
    }
    expect(twice.weights.diversity).to.be.closeTo(2 * once.weights.diversity, 0.02 * once.weights.diversity);
    expect(twice.weights.crossEntropy).to.be.closeTo(
      once.weights.crossEntropy,
      0.02 * once.weights.crossEntropy,
    );
    const at = { set: "birds", recipe: recipe.name, model: "at the start", imageSize: 32, classes: 3 };
    expect(describeGradients([{ ...at, ...once }]).join("\n")).to.include(
      `| birds, 3 classes, at the start | 32 | 2×2 | ${once.weights.crossEntropy} |`,
    );
    expect(describeGradients([])).to.deep.equal([]);
  });
});
