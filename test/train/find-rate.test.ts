import { expect } from "chai";
import { join } from "node:path";
import sharp from "sharp";
import { DataLoader, ImageFolder, Trainer, type Model, type TrainerOptions } from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import { renderRateChart } from "#lib/pictures/rate-chart.js";
import { RateCurve, valleyOf } from "#lib/train/rate-search.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { loaderOf, networkOf, OPTIONS } from "../support/run.js";

const folder = temporaryFolder();
let images: ImageFolder;

before(async () => {
  images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors")));
});

async function bytesOf(model: Model): Promise<string[]> {
  return Promise.all(
    model.state().map(async ({ name, tensor }) => {
      const data = await tensor.data();
      return `${name} ${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex")}`;
    }),
  );
}

/** What fastai's valley() gives, written as it is there. */
function fastaiValley(losses: readonly number[]): number {
  const n = losses.length;
  let [maxStart, maxEnd] = [0, 0];
  const lds = new Array<number>(n).fill(1);
  for (let i = 1; i < n; i += 1) {
    for (let j = 0; j < i; j += 1) {
      if (losses[i]! < losses[j]! && lds[i]! < lds[j]! + 1) lds[i] = lds[j]! + 1;
      if (lds[maxEnd]! < lds[i]!) {
        maxEnd = i;
        maxStart = maxEnd - lds[maxEnd]!;
      }
    }
  }
  const sections = (maxEnd - maxStart) / 3;
  return maxStart + Math.trunc(sections) + Math.trunc(sections / 2);
}

describe("findRate", () => {
  it("suggests a rate in the longest valley, where the loss falls the fastest, and a tenth of the lowest's", () => {
    const curve = new RateCurve();
    let exploded = false;
    // Level, down, and then up for ever.
    for (let i = 0; i < 100 && !exploded; i += 1) {
      const loss = i < 30 ? 2 : i < 70 ? 2 - (i - 30) / 25 : 0.4 + (i - 70) ** 2;
      exploded = curve.add(1e-7 * 10 ** (i / 12.5), loss);
    }
    const result = curve.result(exploded)!;
    expect(result.diverged).to.equal(true);
    const { valley, steepest, minimum } = result.suggestions;
    expect(result.suggestion).to.equal(valley);
    const [start, end] = [1e-7 * 10 ** (30 / 12.5), 1e-7 * 10 ** (72 / 12.5)];
    for (const rate of [valley, steepest]) expect(rate).to.be.within(start, end);
    expect(minimum).to.be.below(end / 10 + 1e-9);
    const [from, to] = [Math.floor(result.rates.length / 10), result.rates.length - 5];
    const losses = result.smoothed.slice(from, to);
    expect(valley).to.equal(result.rates.slice(from, to)[fastaiValley(losses)]);
  });

  it("finds fastai's valley in any curve", () => {
    let state = 1;
    const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    for (let trial = 0; trial < 50; trial += 1) {
      const losses = Array.from({ length: 40 }, (_, i) => 2 - i / 40 + random());
      expect(valleyOf(losses)).to.equal(Math.max(0, fastaiValley(losses)));
    }
  });

  it("leaves the weights, the loader and what is drawn afterwards as they were, bit for bit", async () => {
    const fit = async (finding: boolean) => {
      const model = networkOf(images);
      using trainer = new Trainer(model, { ...OPTIONS, epochs: 1, clipNorm: 5 });
      const loader = loaderOf(images);
      if (finding) {
        const before = await bytesOf(model);
        const { epoch } = loader;
        const found = await trainer.findRate(loader, { steps: 20, from: 1e-5, to: 100 });
        expect(await bytesOf(model)).to.deep.equal(before);
        expect(loader.epoch).to.equal(epoch);
        expect(found.suggestion).to.be.within(1e-5, 100);
        expect(found.rates.length).to.equal(found.losses.length);
      }
      const losses: number[] = [];
      for await (const event of trainer.fit(loader)) if (event.type === "step") losses.push(event.loss);
      return { losses, weights: await bytesOf(model) };
    };
    expect(await fit(true)).to.deep.equal(await fit(false));
  });

  it("mixes the batches as the training's first epoch does", async () => {
    const options: TrainerOptions = {
      ...{ epochs: 1, seed: 4, schedule: { type: "constant" }, mix: [{ type: "mixup" }, { type: "cutmix" }] },
      // So low that the weights stay what they are.
      optimizer: { type: "sgd", learningRate: 1e-30 },
    };
    const lossesOf = async (mix: TrainerOptions["mix"]) => {
      using trainer = new Trainer(networkOf(images), { ...options, mix });
      const { losses } = await trainer.findRate(loaderOf(images), { steps: 3, from: 1e-30, to: 1e-29 });
      return losses;
    };
    const found = await lossesOf(options.mix);
    using trainer = new Trainer(networkOf(images), options);
    const trained: number[] = [];
    for await (const event of trainer.fit(loaderOf(images)))
      if (event.type === "step") trained.push(event.loss);
    expect(found).to.have.length(3);
    expect(found).to.deep.equal(trained.slice(0, 3));
    expect(await lossesOf(undefined)).not.to.deep.equal(found);
  });

  it("keeps the proportions of groups' and layers' rates, and tells each step", async () => {
    const options: TrainerOptions = {
      optimizer: {
        type: "sgd",
        learningRate: 0.1,
        layerDecay: 0.5,
        groups: [{ pattern: "classifier", learningRate: 1 }],
      },
    };
    using trainer = new Trainer(networkOf(images), options);
    const steps: number[] = [];
    const { rates } = await trainer.findRate(loaderOf(images), {
      steps: 5,
      from: 1e-4,
      to: 1e-2,
      onStep: (done, total) => steps.push(done / total),
    });
    expect(steps).to.deep.equal([0.2, 0.4, 0.6, 0.8, 1]);
    expect(rates[0]).to.be.closeTo(1e-4, 1e-12);
    expect(rates.at(-1)).to.be.closeTo(1e-2, 1e-10);
    // Fewer images than steps: the epochs follow one another.
    expect(rates).to.have.length(5);
  });

  it("is drawn as a picture, refuses what cannot be, and can be given up", async () => {
    using trainer = new Trainer(networkOf(images), OPTIONS);
    const loader = new DataLoader(images, { batchSize: 8, transforms: [resize(32), normalize()] });
    const found = await trainer.findRate(loader, { steps: 30 });
    const { width, height, format } = await sharp(await renderRateChart(found)).metadata();
    expect({ width, height, format }).to.deep.equal({ width: 720, height: 420, format: "png" });
    expect(await rejected(trainer.findRate(loader, { steps: 0 }))).to.include({ argument: "steps" });
    expect(await rejected(trainer.findRate(loader, { from: 1, to: 0.1 }))).to.include({ argument: "to" });
    const given = AbortSignal.abort();
    expect(await rejected(trainer.findRate(loader, { signal: given }))).to.include({ code: "ERR_ABORTED" });
    using none = new Trainer(networkOf(images), { optimizer: { type: "sgd", learningRate: 0 } });
    expect(await rejected(none.findRate(loader))).to.include({ argument: "optimizer.learningRate" });
  });
});
