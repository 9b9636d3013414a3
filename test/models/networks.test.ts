import { expect } from "chai";
import { networks } from "#lib/models/networks.js";
import * as functions from "#lib/models/networks/index.js";
import type { NetworkDefinition } from "#lib/models/networks/definition.js";
import { allWeightsFiles, officialWeights } from "#lib/models/official-weights.js";
import { addRecipeFlags } from "#lib/cli/recipe-flags.js";
import { Command } from "commander";
import { resnet18, vgg16 } from "mutual-channel-loss";
import * as models from "mutual-channel-loss/models";
import { changeRecipe, recipes } from "mutual-channel-loss/train";
import { caught } from "../support/errors.js";
import { numbersOf } from "../support/fixtures.js";

const OPTIONS = { classes: 5, inputSize: 64 };

describe("the networks", () => {
  for (const [name, network] of Object.entries(functions)) {
    it(`${name}: is exported, a choice of --model and of recipes, and data without a model`, () => {
      expect(models).to.have.property(name, network);
      const spec = network.spec(OPTIONS);
      using model = network(OPTIONS);
      expect(model.spec).to.deep.equal(spec);
      expect(models.describe(spec).features).to.have.length(3);

      const choice = network.definition.name;
      const option = addRecipeFlags(new Command()).options.find(({ long }) => long === "--model");
      expect(option?.argChoices).to.include(choice);
      const recipe = changeRecipe(recipes.get("default")!, { network: { name: choice } });
      expect(recipe.network.name).to.equal(choice);
    });
  }

  it("are all in the table, by their numbers", () => {
    const definitions: readonly NetworkDefinition[] = networks.definitions;
    expect(definitions).to.have.members(Object.values(functions).map(({ definition }) => definition));
    const resnets = networks.names.filter((name) => /^resnet\d+$/.test(name));
    expect(resnets.slice(0, 3)).to.deep.equal(["resnet18", "resnet34", "resnet50"]);
  });

  it("start RegNet's squeeze-and-excitation as torchvision: its biases are a convolution's own, not 0", async () => {
    using model = models.regnet_y_3_2gf({ classes: 3, inputSize: 32, seed: 1 });
    const place = "trunk_output.block4.block4-0.f.se.fc1";
    const spread = async (name: string) => {
      const numbers = await numbersOf(model.state().find((entry) => entry.name === name)!.tensor);
      return Math.sqrt(numbers.reduce((sum, value) => sum + value ** 2, 0) / numbers.length);
    };
    // uniform(±1 / √1512), of 144; normal(0, √(2 / 144))
    expect(await spread(`${place}.bias`)).to.be.closeTo(1 / Math.sqrt(3 * 1512), 0.15 / Math.sqrt(3 * 1512));
    expect(await spread(`${place}.weight`)).to.be.closeTo(Math.sqrt(2 / 144), 0.001);
  });

  it("refuse what they do not know, also as data", () => {
    const wrong = { classes: 5, channelPerClass: 3 } as never;
    for (const make of [resnet18, resnet18.spec]) {
      const error = caught(() => make(wrong));
      expect(error).to.include({ code: "ERR_ARGUMENT", argument: "channelPerClass" });
      expect(error.message).to.match(/did you mean channelsPerClass\?/);
    }
    expect(caught(() => resnet18.spec({ classes: 5, seed: 1 } as never))).to.include({ argument: "seed" });
    expect(caught(() => resnet18.spec({} as never))).to.include({ argument: "classes" });
  });

  it("name torchvision's files, whose names have the digits of their hashes", () => {
    for (const { file } of allWeightsFiles()) expect(file).to.match(/^\w+-[0-9a-f]{8}\.pth$/);
    expect(officialWeights(resnet18.spec({ classes: 5, channelsPerClass: 3 }))?.file).to.match(/^resnet18-/);
    expect(officialWeights(vgg16.spec({ classes: 5 }))?.file).to.match(/^vgg16_bn-/);
    expect(officialWeights(vgg16.spec({ classes: 5, batchNorm: false }))?.file).to.match(/^vgg16-/);
    expect(officialWeights(functions.smallResNet.spec({ classes: 5 }))).to.equal(undefined);
  });
});
