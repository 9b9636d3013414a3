import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DataLoader, evaluate, ImageFolder, loadModel, Trainer, type Model } from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import { type EpochRecord } from "mutual-channel-loss/train";
import { numbersOf } from "../support/fixtures.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { loaderOf, networkOf } from "../support/run.js";

const folder = temporaryFolder();
let images: ImageFolder;

before(async () => {
  images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors")));
});

const heldOut = () => new DataLoader(images, { batchSize: 8, transforms: [resize(32), normalize()] });

/** The average lags far behind the weights. */
const OPTIONS = { epochs: 2, ema: 0.95, optimizer: { type: "adamw", learningRate: 0.02 }, seed: 1 } as const;

async function weightsOf(model: Model): Promise<number[]> {
  return (await Promise.all(model.state().map(({ tensor }) => numbersOf(tensor)))).flat();
}

describe("what a run with an average of the weights delivers", () => {
  it("is the average where nothing is held out: in its last checkpoint, and in the model", async () => {
    const output = join(folder(), "alone");
    const model = networkOf(images);
    using trainer = new Trainer(model, { ...OPTIONS, output });
    const { checkpoint } = await trainer.fit(loaderOf(images));
    expect(checkpoint).to.equal(join(output, "checkpoints", "last.safetensors"));
    using delivered = await loadModel(output);
    const judged = await trainer.evaluate(heldOut());
    expect((await evaluate(delivered, heldOut())).crossEntropy).to.equal(judged.crossEntropy);
    expect(await weightsOf(model)).to.deep.equal(await weightsOf(delivered));
  });

  it("has the recorded figures, best and last", async () => {
    const output = join(folder(), "validated");
    using trainer = new Trainer(networkOf(images), { ...OPTIONS, epochs: 4, output });
    const { best, checkpoint } = await trainer.fit(loaderOf(images), { validation: heldOut() });
    const lines = (await readFile(join(output, "metrics.jsonl"), "utf8")).trimEnd().split("\n");
    const records = lines.map((line) => JSON.parse(line) as EpochRecord);
    const measure = async (name: string) => {
      using model = await loadModel(join(output, "checkpoints", `${name}.safetensors`));
      const { accuracy, crossEntropy } = await evaluate(model, heldOut());
      return { accuracy, crossEntropy };
    };
    expect(records.at(-1)!.validation).to.deep.include(await measure("last"));
    expect(records[best!.epoch - 1]!.validation).to.deep.include(await measure("best"));
    expect(best).to.include({
      part: "validation",
      term: "accuracy",
      value: (await measure("best")).accuracy,
    });
    expect(checkpoint).to.equal(join(output, "checkpoints", "best.safetensors"));
  });
});
