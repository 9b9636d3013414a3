import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  DataLoader,
  evaluate,
  ImageFolder,
  loadModel,
  smallResNet,
  Trainer,
  type TrainerOptions,
  type TrainingEvent,
} from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import type { EpochEvent } from "mutual-channel-loss/train";
import { minimum } from "#lib/extremes.js";
import { isFinished, readRun } from "#lib/run/read-run.js";
import { epochsWithoutGain } from "#lib/train/early-stopping.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";

const folder = temporaryFolder();
let images: ImageFolder;

before(async () => {
  images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors")));
});

const loader = () => new DataLoader(images, { batchSize: 24, transforms: [resize(32), normalize()] });
const network = () => smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8 });

/** The rate falls to nothing after the first epoch, so that there is no gain from the third on. */
const OPTIONS: TrainerOptions = {
  epochs: 8,
  loss: { alpha: 1, beta: 1 },
  optimizer: { type: "sgd", learningRate: 0.05 },
  schedule: { type: "multiStep", milestones: [1], gamma: 0 },
  monitor: "loss",
};

async function fit(options: TrainerOptions, { resume = false, validateEvery = 1 } = {}) {
  const model = network();
  using trainer = new Trainer(model, { ...OPTIONS, ...options });
  const events: TrainingEvent[] = [];
  const run = trainer.fit(loader(), { validation: loader(), resume, validateEvery });
  for await (const event of run) events.push(event);
  const epochs = events.filter((event): event is EpochEvent => event.type === "epoch");
  return { model, epochs, events, result: await run };
}

const UP = { part: "validation", term: "accuracy" } as const;
const DOWN = { part: "validation", term: "loss" } as const;

describe("early stopping", () => {
  it("counts the epochs since the last gain of more than minDelta, in either direction", () => {
    const waited = (figures: number[], minDelta?: number) =>
      epochsWithoutGain(UP, figures, { patience: 1, minDelta });
    expect(waited([])).to.equal(0);
    expect(waited([0.5, 0.6, 0.6, 0.59])).to.equal(2);
    expect(waited([0.5, 0.6, 0.6, 0.61])).to.equal(0);
    // As Keras: gains that are too small do not raise what is to be beaten, so that together they count.
    expect(waited([0.5, 0.54, 0.58], 0.05)).to.equal(0);
    expect(waited([0.5, 0.54, 0.54], 0.05)).to.equal(2);
    expect(waited([NaN, NaN, 0.1, NaN])).to.equal(1);
    expect(epochsWithoutGain(DOWN, [2, 1, 1.5, 0.9], { patience: 1 })).to.equal(0);
    expect(epochsWithoutGain(DOWN, [2, 1, 1.5, 0.9], { patience: 1, minDelta: 0.2 })).to.equal(2);
  });

  it("ends a run, tells it, measures its last epoch whole, and leaves the model with the best weights", async () => {
    for (const output of [undefined, join(folder(), "ended")]) {
      const { model, epochs, events, result } = await fit({
        output,
        earlyStopping: { patience: 2, minDelta: 1e-3 },
      });
      expect(result).to.include({ stopped: false, stoppedEarly: true, epochs: epochs.length });
      expect(epochs.length).to.be.within(3, 7);
      expect(epochs.map(({ stoppedEarly }) => stoppedEarly ?? false)).to.deep.equal(
        epochs.map((_, index) => index === epochs.length - 1),
      );
      expect(epochs.at(-1)!.channels).to.not.equal(undefined);
      const notices = events.flatMap((event) => (event.type === "notice" ? [event.reason] : []));
      expect(notices).to.have.length(1);
      expect(notices[0]).to.match(
        /ended early: no gain of more than 0.001 in loss for 2 epochs; epoch \d was/,
      );
      const { best } = result;
      const { loss } = await evaluate(model, loader(), { loss: OPTIONS.loss! });
      expect(loss).to.be.closeTo(best!.value, 1e-6);
      expect(loss).to.equal(minimum(epochs.map(({ validation }) => validation!.loss)));
    }
    const run = await readRun(join(folder(), "ended"));
    expect(isFinished(run)).to.equal(true);
    expect(run.epochs.length).to.be.below(run.planned);
  });

  it("leaves the best weights where all epochs were trained, too", async () => {
    const output = join(folder(), "whole");
    const earlyStopping = { patience: 100 };
    // A rate that is far too high after the first epoch.
    const schedule = { type: "multiStep", milestones: [1], gamma: 60 } as const;
    const { model, result } = await fit({ output, epochs: 3, earlyStopping, schedule, onNan: "skip" });
    expect(result).to.include({ stoppedEarly: false, epochs: 3 });
    expect(result.best!.epoch).to.be.below(3);
    const best = await loadModel(join(output, "checkpoints", "best.safetensors"));
    const last = await loadModel(join(output, "checkpoints", "last.safetensors"));
    const biasOf = async (of: typeof model) => [
      ...((await of
        .state()
        .find(({ name }) => name.endsWith("bias"))!
        .tensor.data()) as Float32Array),
    ];
    expect(await biasOf(model)).to.deep.equal(await biasOf(best));
    expect(await biasOf(model)).to.not.deep.equal(await biasOf(last));
  });

  it("is exact in a run that goes on: it ends at once, or later with more patience, after the same epoch", async () => {
    const [whole, halves] = [join(folder(), "one"), join(folder(), "halves")];
    const patient = { patience: 4, minDelta: 1e-3 };
    const { result } = await fit({ output: whole, earlyStopping: patient });
    const first = await fit({ output: halves, earlyStopping: { ...patient, patience: 2 } });
    expect(first.result.epochs).to.be.below(result.epochs);
    const again = await fit({ output: halves, earlyStopping: { ...patient, patience: 2 } }, { resume: true });
    expect(again.epochs).to.deep.equal([]);
    expect(again.result).to.include({ stoppedEarly: true, epochs: first.result.epochs });
    const later = await fit({ output: halves, earlyStopping: patient }, { resume: true });
    expect(later.result).to.include({ stoppedEarly: true, epochs: result.epochs });
    const [a, b] = await Promise.all(
      [whole, halves].map((run) => readFile(join(run, "checkpoints", "last.safetensors"))),
    );
    expect(a!.equals(b!)).to.equal(true);
  });

  it("counts the epochs that are judged, and validates the last", async () => {
    const { epochs } = await fit(
      { earlyStopping: { patience: 1, minDelta: 1e-3 }, epochs: 12 },
      { validateEvery: 2 },
    );
    expect(epochs.at(-1)).to.include({ stoppedEarly: true });
    expect(epochs.length % 2).to.equal(0);
    const { epochs: byTraining } = await fit(
      { monitor: "train.loss", earlyStopping: { patience: 1, minDelta: 1 }, epochs: 12 },
      { validateEvery: 5 },
    );
    expect(byTraining).to.have.length(2);
    expect(byTraining[1]!.validation).to.not.equal(undefined);
  });

  it("refuses a patience of no epochs, naming it", () => {
    expect(() => new Trainer(network(), { earlyStopping: { patience: 0 } }))
      .to.throw(/must be a positive integer/)
      .with.property("argument", "earlyStopping.patience");
  });
});
