import { expect } from "chai";
import { join } from "node:path";
import { runModule } from "../support/child.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";

/** MCLOSS_LEAK_STEPS=25000 with -g server makes 100,000 predictions. */
const STEPS = Number(process.env["MCLOSS_LEAK_STEPS"] ?? 2000);

/** Memory is measured every so many steps, after a collection, without which V8's sawtooth drowns a leak. */
const PERIOD = 20;

/**
 * How much more memory a step may take than the step before: KiB of RSS a step, by linear regression over the second half
 * of the steps, when pools and caches have filled. The heap's fragmentation alone gives up to about 1; the smallest leak
 * that RSS must find, a 128 × 128 float32 tensor a step, gives 64. Smaller ones are found by counting tensors.
 */
const NOISE = 4;

/** Tensors of the last step that a variable or a register may still hold when it is measured. */
const STRAY = 8;

/** Declares measure(), for after a step, and printSlope(). */
const MEASURE = `
  const samples = [];
  const measure = async () => {
    for (let round = 0; round < 3; round += 1) {
      gc();
      await new Promise(setImmediate);
    }
    samples.push({ rss: process.memoryUsage.rss() / 1024, tensors: mcloss.memory().tensors });
  };
  const print = () => {
    const half = samples.slice(samples.length / 2);
    const middle = (half.length - 1) / 2;
    const covariance = half.reduce((sum, { rss }, i) => sum + (i - middle) * rss, 0);
    const variance = half.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
    const tensors = half.at(-1).tensors - half[0].tensors;
    console.log(JSON.stringify({ slope: covariance / variance / ${PERIOD}, tensors }));
  };
`;

interface Growth {
  /** KiB of RSS a step. */
  slope: number;
  /** More tensors at the end than in the middle. */
  tensors: number;
}

/** Runs `setup`, then `step` STEPS times, in a process of its own. */
async function growthOf(setup: string, step: string): Promise<Growth> {
  const source = `
    import { ChannelGroups, SGD, mcLoss, noGrad, predict, smallResNet, tensor } from "mutual-channel-loss";
    import { normalize } from "mutual-channel-loss/data";
    import * as mcloss from "mutual-channel-loss/tensor";
    ${MEASURE}
    ${setup}
    for (let i = 1; i <= ${STEPS}; i += 1) {
      ${step}
      if (i % ${PERIOD} === 0) await measure();
    }
    print();`;
  const { code, output, errors } = await runModule(source, { flags: ["--expose-gc"] });
  expect(code, output + errors).to.equal(0);
  return JSON.parse(output) as Growth;
}

const SQUARE = `
  const square = () => tensor(new Float32Array(16384).fill(0.01), { shape: [128, 128] });
  const weights = square().withGrad();
  const optimizer = new SGD([{ parameters: [weights] }], { learningRate: 1e-6 });
`;
const STEP = `
  await square().matmul(weights).relu().sum().backward();
  await optimizer.step();
  await optimizer.zeroGrad();
`;

const MODEL = `
  const groups = ChannelGroups.uniform(3, 2);
  const model = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8 });
  const batch = () => tensor(new Float32Array(2 * 3072).fill(0.1), { shape: [2, 3, 32, 32] });
`;

describe(`over ${STEPS} steps that dispose of nothing by hand`, function () {
  this.timeout(600 * STEPS);
  const folder = temporaryFolder();

  /** Passes where the slope is noise, and says what it was. */
  function isFlat(title: string, growth: () => Promise<Growth>): void {
    it(`${title} keeps its memory`, async function () {
      const { slope, tensors } = await growth();
      this.test!.title += ` (${slope.toFixed(2)} KiB a step)`;
      expect(slope).to.be.below(NOISE);
      expect(tensors).to.be.within(-STRAY, STRAY);
    });
  }

  isFlat("training by tensors", () => growthOf(SQUARE, STEP));

  isFlat("training a model with MC-Loss", () =>
    growthOf(
      `${MODEL} const trained = new SGD([{ parameters: model.parameters() }], { learningRate: 1e-3 });`,
      `const labels = tensor(Int32Array.of(0, 2), { dtype: "int64" });
       const { features } = await model.forward(batch());
       await mcLoss(features, labels, { groups }).loss.backward();
       await trained.step();
       await trained.zeroGrad();`,
    ),
  );

  isFlat("evaluation", () =>
    growthOf(
      `${MODEL} model.eval();`,
      `const { logits } = await noGrad(() => model.forward(batch()));
       await logits.softmax(1).data();`,
    ),
  );

  isFlat("prediction from files", async () => {
    const images = await writeColorFolder(join(folder(), "colors"), 1);
    const path = JSON.stringify(join(images, "red", "0.png"));
    return growthOf(
      `const info = { normalization: normalize() };
       const model = smallResNet({ classes: 3, inputSize: 32, width: 8, info });`,
      `for await (const { top } of predict(model, [${path}])) top.at(0);`,
    );
  });

  isFlat("prediction for a server, three images and a bad one at once,", async () => {
    const images = await writeColorFolder(join(folder(), "served"), 1);
    const path = JSON.stringify(join(images, "red", "0.png"));
    return growthOf(
      `import { readFile } from "node:fs/promises";
       const info = { normalization: normalize() };
       const model = smallResNet({ classes: 3, inputSize: 32, width: 8, info });
       const bytes = await readFile(${path});
       const { signal } = new AbortController();`,
      `const requests = [bytes, ${path}, bytes].map((image) => model.predict(image, { signal }));
       await Promise.allSettled([...requests, model.predict(bytes.subarray(0, 40))]);`,
    );
  });

  it("a leak of one small tensor a step would be found", async () => {
    const { slope, tensors } = await growthOf(
      `${SQUARE} const leaked = [];`,
      `${STEP} leaked.push(square());`,
    );
    expect(slope).to.be.above(10 * NOISE);
    expect(tensors).to.be.closeTo(STEPS / 2 - PERIOD, STRAY);
  });

  it("training by tensors keeps its memory at the collector's own pace as well", async () => {
    const source = `
      import { SGD, tensor } from "mutual-channel-loss";
      ${SQUARE}
      const resident = [];
      for (let i = 0; i < ${STEPS}; i += 1) {
        ${STEP}
        resident.push(process.memoryUsage.rss() / 2 ** 20);
      }
      const mean = (from, to) => resident.slice(from, to).reduce((sum, value) => sum + value, 0) / (to - from);
      console.log(mean(1500, 2000) - mean(500, 1000));`;
    const { output } = await runModule(source);
    // What the steps between make is 187 MiB in all; V8 collects after every 64 MiB of it, and later on a busy machine.
    expect(Number(output)).to.be.below(100);
  });
});
