import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseRecipe, prepareRecipe, prepareResume, type RunInfo } from "mutual-channel-loss/train";
import { chooseRecipe } from "#lib/cli/train-folder.js";
import { prepareContinue } from "#lib/recipes/continue-recipe.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";

const folder = temporaryFolder();
const recipe = parseRecipe({
  name: "tiny",
  network: { name: "small-resnet", channelsPerClass: 2, inputSize: 32, width: 8 },
  epochs: 1,
  batchSize: 8,
  findRate: true,
});

describe("a recipe that finds its rate", () => {
  const photos = () => join(folder(), "photos");
  const infoOf = async (output: string) =>
    JSON.parse(await readFile(join(output, "run.json"), "utf8")) as RunInfo;

  before(async () => {
    await writeColorFolder(photos());
  });

  it("trains with what the range test suggests, tells it, and goes on with it", async () => {
    const output = join(folder(), "run");
    using training = await prepareRecipe(recipe, { dir: photos(), output });
    const { learningRate } = training.recipe.optimizer;
    expect(learningRate).to.be.within(1e-7, 10).and.not.equal(recipe.optimizer.learningRate);
    expect(training.notes).to.include(`the learning rate is ${learningRate}, as the range test suggests`);
    for await (const event of training.fit()) if (event.type === "step" && event.step === 1) break;
    const { options, about } = await infoOf(output);
    expect(options["optimizer"]).to.include({ learningRate });
    expect((about["recipe"] as typeof recipe).optimizer).to.include({ learningRate });
    using resumed = await prepareResume(output);
    expect(resumed.recipe.optimizer).to.include({ learningRate });
    using continued = await prepareContinue(recipe, { dir: photos(), output });
    expect(continued.recipe.optimizer).to.include({ learningRate });
    await continued.fit();
    expect((await infoOf(output)).changes ?? []).to.deep.equal([]);
    using other = await prepareResume(output, {
      change: { findRate: null, optimizer: { learningRate: 0.125 } },
    });
    expect(other.recipe.optimizer).to.include({ learningRate: 0.125 });
  });

  it("is what --learning-rate auto asks for, and a number takes back", async () => {
    const asked = await chooseRecipe("default", { learningRate: "auto", patience: 3, layerDecay: 0.5 }, []);
    expect(asked).to.include({ findRate: true });
    expect(asked.earlyStopping).to.deep.include({ patience: 3 });
    expect(asked.optimizer).to.include({ learningRate: 0.05, layerDecay: 0.5 });
    expect(await chooseRecipe("default", { learningRate: 0.1 }, [])).to.not.have.property("findRate");
  });
});
