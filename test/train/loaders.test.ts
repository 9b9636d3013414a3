import { expect } from "chai";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DataLoader, ImageFolder, smallResNet, Trainer, type FitOptions } from "mutual-channel-loss";
import { normalize, resize, samplers, type DataLoaderOptions } from "mutual-channel-loss/data";
import { compareRuns } from "mutual-channel-loss/report";
import { type RunInfo } from "mutual-channel-loss/train";
import { rejected } from "../support/errors.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";

const folder = temporaryFolder();
let images: ImageFolder;

before(async () => {
  images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors"), 4));
});

const loader = (options: Partial<DataLoaderOptions> = {}) =>
  new DataLoader(images, { batchSize: 6, transforms: [resize(16), normalize()], ...options });

/** Trains without a recipe. */
async function train(
  name: string,
  loading: Partial<DataLoaderOptions> = {},
  { seed = 0, epochs = 1, ...fitting }: FitOptions & { seed?: number; epochs?: number } = {},
): Promise<string> {
  const output = join(folder(), name);
  using model = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 16, width: 8 });
  using trainer = new Trainer(model, { epochs, seed, output, schedule: { type: "constant" } });
  await trainer.fit(loader(loading), { validation: loader(), ...fitting });
  return output;
}

const infoOf = async (output: string) =>
  JSON.parse(await readFile(join(output, "run.json"), "utf8")) as RunInfo;

describe("the loaders of a run", () => {
  it("are in run.json, complete", async () => {
    const weights = images.samples.map((_, index) => index + 1);
    const sampler = samplers.weighted(weights);
    const { loaders } = await infoOf(await train("told", { sampler, seed: 3, onBadImage: "skip" }));
    expect(loaders?.train).to.deep.equal({
      samples: 12,
      batchSize: 6,
      dropLast: false,
      sampler: { type: "weighted", weights, power: 0.5, replacement: true },
      transforms: JSON.parse(JSON.stringify([resize(16), normalize()])) as unknown,
      seed: 3,
      onBadImage: "skip",
      dtype: "float32",
    });
    expect(loaders?.validation).to.include({ samples: 12, batchSize: 6 });
  });

  it("have the hash of a long list in its place", () => {
    const many = { classes: ["a"], length: 101, sample: () => images.sample(0) };
    const of = (last: number) => {
      const weights = Array.from({ length: 101 }, (_, index) => (index === 100 ? last : 1));
      const sampler = {
        type: "distributed",
        rank: 0,
        world: 2,
        sampler: samplers.weighted(weights),
      } as const;
      const made = new DataLoader(many, { batchSize: 6, transforms: [resize(16), normalize()], sampler });
      return made.describe().sampler as { sampler: { weights: string } };
    };
    expect(of(1).sampler.weights).to.match(/^[0-9a-f]{64}$/);
    expect(of(1)).to.not.deep.equal(of(2));
  });

  it("tell runs apart, whose seeds do not", async () => {
    const runs = [
      await train("six"),
      await train("six-again", { seed: 1 }, { seed: 1 }),
      await train("four", { batchSize: 4 }),
      await train("smaller", { transforms: [resize(12), normalize()] }),
      // By how many images are judged at once changes nothing.
      await train("judged", {}, { seed: 2, validation: loader({ batchSize: 3 }) }),
    ];
    const { groups } = await compareRuns(runs);
    expect(groups.map(({ runs: own }) => own.length)).to.deep.equal([3, 1, 1]);
    expect(groups[1]!.label).to.match(/batchSize 4/);
    expect(groups[2]!.label).to.match(/size 12/);
  });

  it("of the training may not be others when it goes on, but for what a recipe's may", async () => {
    const output = await train("resumed");
    const resume = (options: Partial<DataLoaderOptions>) =>
      rejected(train("resumed", options, { resume: true, epochs: 2 }));
    const changed = await resume({ batchSize: 4 });
    expect(changed).to.include({ code: "ERR_ARGUMENT", argument: "train.batchSize" });
    expect(changed.message).to.match(/is 6 in the run in .*resumed and cannot become 4: give what it had/);
    expect((await resume({ transforms: [resize(12), normalize()] })).argument).to.equal("train.transforms");
    expect((await resume({ shuffle: true })).argument).to.equal("train.sampler.type");
    await train("resumed", { onBadImage: "skip" }, { resume: true, epochs: 2 });
    const { changes, loaders } = await infoOf(output);
    expect(changes?.map(({ option }) => option)).to.deep.equal(["epochs", "train.onBadImage"]);
    expect(loaders?.train?.onBadImage).to.equal("skip");
  });

  it("of what an older version wrote are not compared", async () => {
    const output = await train("old");
    const { loaders, ...info } = await infoOf(output);
    expect(loaders).to.be.an("object");
    await writeFile(join(output, "run.json"), JSON.stringify(info));
    await train("old", { batchSize: 4 }, { resume: true, epochs: 2 });
    expect((await infoOf(output)).loaders?.train?.batchSize).to.equal(4);
  });
});
