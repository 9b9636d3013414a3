import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  ImageFolder,
  manualSeed,
  Model,
  smallResNet,
  Trainer,
  type DataLoader,
  type TrainerOptions,
  type TrainingEvent,
} from "mutual-channel-loss";
import { torchscript } from "mutual-channel-loss/models";
import { type OptimizerSpec, type StepEvent } from "mutual-channel-loss/train";
import { describeOnGpu } from "../support/devices.js";
import { rejected } from "../support/errors.js";
import { fixturePath, numbersOf } from "../support/fixtures.js";
import { fixedLoader } from "../support/fixed-loader.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { loaderOf, networkOf, OPTIONS, trainIn, withDropout } from "../support/run.js";

const folder = temporaryFolder();
let images: ImageFolder;

before(async () => {
  images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors")));
});

async function eventsOf(trainer: Trainer, loader: DataLoader): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  for await (const event of trainer.fit(loader)) events.push(event);
  return events;
}

const notices = (events: readonly TrainingEvent[]) => events.filter(({ type }) => type === "notice");

describe("cudaGraph without a GPU", () => {
  it("trains as without it, bit for bit, and says once, before the first step, why", async () => {
    const run = async (name: string, options: TrainerOptions) => {
      const output = join(folder(), name);
      const events: TrainingEvent[] = [];
      await trainIn(images, output, { ...options, onEvent: (event) => events.push(event) });
      return { events, checkpoint: await readFile(join(output, "checkpoints", "last.safetensors")) };
    };
    const [plain, graph] = [await run("plain", {}), await run("graph", { cudaGraph: true })];
    expect(graph.checkpoint.equals(plain.checkpoint)).to.equal(true);
    expect(notices(plain.events)).to.deep.equal([]);
    expect(notices(graph.events)).to.have.length(1);
    expect(graph.events[0]).to.include({ type: "notice", option: "cudaGraph" });
    expect(graph.events[0])
      .to.have.property("reason")
      .that.matches(/^the model is on the CPU\b/);
  });

  it("says it again in the next run alone, and not of a run that does not ask", async () => {
    const trainer = new Trainer(networkOf(images), { ...OPTIONS, epochs: 1, cudaGraph: true });
    expect(notices(await eventsOf(trainer, loaderOf(images)))).to.have.length(1);
    expect(notices(await eventsOf(trainer, loaderOf(images)))).to.have.length(1);
    const without = new Trainer(networkOf(images), { ...OPTIONS, epochs: 1, cudaGraph: false });
    expect(notices(await eventsOf(without, loaderOf(images)))).to.deep.equal([]);
  });

  it("names every reason: accumulated gradients and TorchScript too", async () => {
    const model = await torchscript(fixturePath("scripted.pt"), { features: "layer1", inputSize: 8 });
    const trainer = new Trainer(model, { epochs: 1, loss: "ce", accumulate: 2, cudaGraph: true });
    const pixels = Float32Array.from({ length: 2 * 3 * 8 * 8 }, (_, i) => Math.sin(i));
    const loader = fixedLoader([{ images: pixels, shape: [3, 8, 8], labels: [0, 1] }]);
    const [notice] = await eventsOf(trainer, loader);
    expect(notice).to.have.property("type", "notice");
    expect(notice).to.have.property("reason").that.contains("the model is on the CPU; ");
    expect(notice).to.have.property("reason").that.contains("2 batches make one update (accumulate); ");
    expect(notice).to.have.property("reason").that.contains("TorchScript");
  });

  it("goes on exactly, and leaves run.json as it is", async () => {
    const [whole, parts] = [join(folder(), "whole"), join(folder(), "parts")];
    await trainIn(images, whole, { cudaGraph: true });
    const stopped = trainIn(images, parts, { cudaGraph: true, stopAfter: 4 });
    expect((await rejected(stopped)).code).to.equal("ERR_ABORTED");
    const info = await readFile(join(parts, "run.json"), "utf8");
    expect(JSON.parse(info)).to.have.nested.property("options.cudaGraph", true);
    const events: TrainingEvent[] = [];
    await trainIn(images, parts, {
      cudaGraph: true,
      resume: true,
      onEvent: (event) => events.push(event),
    });
    expect(notices(events)).to.have.length(1);
    expect(await readFile(join(parts, "run.json"), "utf8")).to.equal(info);
    const [a, b] = await Promise.all(
      [whole, parts].map((output) => readFile(join(output, "checkpoints", "last.safetensors"))),
    );
    expect(a!.equals(b!)).to.equal(true);
  });

  it("is named where it is no boolean", () => {
    expect(() => new Trainer(networkOf(images), { cudaGraph: "yes" as never }))
      .to.throw()
      .with.property("argument", "cudaGraph");
  });
});

describeOnGpu("cudaGraph", () => {
  const SIDE = 32;
  const LABELS = [0, 1, 2, 1, 0, 2, 2, 1];
  /** 20 steps. */
  const EPOCHS = 5;
  const BATCHES = [8, 8, 8, 8];

  /** Batches on the GPU, of so many images, the same in each epoch. */
  function loader(sizes: readonly number[]): DataLoader {
    const batches = sizes.map((size, position) => ({
      images: Float32Array.from({ length: size * 3 * SIDE * SIDE }, (_, i) =>
        Math.sin(i * (1 + (i % 7)) + position),
      ),
      shape: [3, SIDE, SIDE],
      labels: LABELS.slice(0, size),
    }));
    return fixedLoader(batches, "cuda");
  }

  function network(): Model {
    return smallResNet({ classes: 3, channelsPerClass: 2, inputSize: SIDE, width: 8 });
  }

  /** With dropout before the classifier. */
  function droppingNetwork(): Model {
    return new Model(withDropout(network().spec));
  }

  async function run(
    options: TrainerOptions,
    { sizes = BATCHES, make = network }: { sizes?: readonly number[]; make?: () => Model } = {},
  ) {
    manualSeed(1);
    const model = await make().to("cuda");
    const trainer = new Trainer(model, {
      epochs: EPOCHS,
      loss: { alpha: 1.5, beta: 2 },
      // A power of two, which float32 has exactly, as the graph's learning rate is.
      optimizer: { learningRate: 2 ** -6, momentum: 0.9 },
      schedule: { type: "constant" },
      ...options,
    });
    const events = await eventsOf(trainer, loader(sizes));
    const steps = events.filter((event): event is StepEvent => event.type === "step");
    const state = (await Promise.all(model.state().map(({ tensor: t }) => numbersOf(t)))).flat();
    return { events, steps, state };
  }

  /** Atomic additions in cuDNN's backward are in any order, which 20 steps enlarge. */
  async function expectSame(
    options: TrainerOptions,
    { tolerance = 1e-3, ...rest }: { tolerance?: number } & Parameters<typeof run>[1] = {},
  ): Promise<void> {
    const [eager, graph] = [await run(options, rest), await run({ ...options, cudaGraph: true }, rest)];
    expect(notices(graph.events)).to.deep.equal([]);
    expect(graph.steps).to.have.length(eager.steps.length);
    graph.state.forEach((value, i) => {
      const wanted = eager.state[i]!;
      expect(Math.abs(value - wanted)).to.be.at.most(tolerance * Math.max(1, Math.abs(wanted)));
    });
  }

  const OPTIMIZERS: OptimizerSpec[] = [
    { type: "sgd", learningRate: 2 ** -6, momentum: 0.9, nesterov: true },
    { type: "adam", learningRate: 2 ** -10 },
    { type: "adamw", learningRate: 2 ** -10, amsgrad: true },
    { type: "rmsprop", learningRate: 2 ** -10 },
    { type: "rmsprop", learningRate: 2 ** -10, momentum: 0.9, centered: true },
  ];
  for (const optimizer of OPTIMIZERS) {
    it(`is what 20 steps without it are: ${JSON.stringify(optimizer)}`, async () => {
      await expectSame({ optimizer });
    });
  }

  it("is the same with a schedule, clipping and one mask a sample", async () => {
    await expectSame({
      schedule: { type: "cosine", warmupEpochs: 1 },
      clipNorm: 1,
      loss: { alpha: 1.5, beta: 2, perSample: true },
    });
  });

  it("is the same with label smoothing, focal loss and a center loss", async () => {
    await expectSame({ loss: { classification: { type: "ce", labelSmoothing: 0.1 }, center: {} } });
    await expectSame({ loss: { type: "focal" } });
  });

  it("is the same in float16 with the scaler, whose first steps overflow", async () => {
    await expectSame({ precision: "float16" }, { tolerance: 1e-2 });
  });

  it("is the same in bfloat16", async () => {
    await expectSame({ precision: "bfloat16" }, { tolerance: 2e-2 });
  });

  it("is the same with averaged weights and skipped losses", async () => {
    await expectSame({ ema: 0.9, onNan: "skip" });
  });

  it("is the same where parameters begin to be trained later", async () => {
    await expectSame({
      unfreeze: [
        { epoch: 0, pattern: "classifier.*" },
        { epoch: 2, pattern: "*" },
      ],
    });
  });

  it("is the same with a smaller last batch, also as the first of all", async () => {
    await expectSame({}, { sizes: [8, 8, 8, 4] });
    await expectSame({}, { sizes: [4, 8, 8, 8] });
  });

  it("is the same with dropout: draws are those of steps without a graph", async () => {
    await expectSame({}, { make: droppingNetwork });
  });

  it("draws anew at each step: dropout, and the channel masks", async () => {
    // Nothing is learned, and the batches are one: losses differ by what is drawn.
    const still: TrainerOptions = { optimizer: { learningRate: 0 }, cudaGraph: true };
    const sizes = [8];
    const dropped = await run({ ...still, epochs: 20, loss: "ce" }, { sizes, make: droppingNetwork });
    expect(notices(dropped.events)).to.deep.equal([]);
    expect(new Set(dropped.steps.slice(4).map(({ crossEntropy }) => crossEntropy)).size).to.be.above(10);
    const masked = await run({ ...still, epochs: 20 }, { sizes });
    // Three groups keep one of two channels each: 8 masks.
    expect(new Set(masked.steps.slice(4).map(({ discriminality }) => discriminality)).size).to.be.above(1);
  });

  it("says why where a parameter has a hook, and goes on", async () => {
    const model = await network().to("cuda");
    model.parameters()[0]!.registerHook(() => undefined);
    const trainer = new Trainer(model, { epochs: 1, cudaGraph: true });
    const events = await eventsOf(trainer, loader(BATCHES));
    expect(notices(events)).to.have.length(1);
    expect(notices(events)[0]).to.have.property("reason").that.contains("hook");
    expect(events.filter(({ type }) => type === "step")).to.have.length(4);
  });
});
