import { expect } from "chai";
import { join } from "node:path";
import {
  DataLoader,
  ImageFolder,
  smallResNet,
  Trainer,
  type FitOptions,
  type TrainerOptions,
} from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import { type EpochEvent, type Monitor, type Schedule } from "mutual-channel-loss/train";
import { maximum, minimum } from "#lib/extremes.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";

const folder = temporaryFolder();
let images: ImageFolder;

before(async () => {
  images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors")));
});

const loader = () => new DataLoader(images, { batchSize: 24, transforms: [resize(32), normalize()] });

async function fit(options: TrainerOptions, fitting: FitOptions = {}) {
  const model = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8 });
  using trainer = new Trainer(model, { optimizer: { type: "adam", learningRate: 0.003 }, ...options });
  const epochs: (EpochEvent & { learningRate: number })[] = [];
  let learningRate = NaN;
  for await (const event of trainer.fit(loader(), fitting)) {
    if (event.type === "step") ({ learningRate } = event);
    if (event.type === "epoch") epochs.push({ ...event, learningRate });
  }
  return epochs;
}

const plateau = (mode?: "min" | "max"): Schedule => ({
  type: "plateau",
  patience: 0,
  factor: 0.5,
  ...(mode ? { mode } : {}),
});

/** How often the rate was to fall by then: after each epoch whose figure is no better than all before. */
function reductions(figures: readonly number[], better: (a: number, b: number) => boolean): number {
  let [best, count] = [NaN, 0];
  for (const figure of figures.slice(0, -1)) {
    if (Number.isNaN(best) || better(figure, best)) best = figure;
    else count += 1;
  }
  return count;
}

const falls = (a: number, b: number) => a < b * (1 - 1e-4);
const rises = (a: number, b: number) => a > b * (1 + 1e-4);

describe("monitor", () => {
  it("is the loss for a plateau of mode min: the rate stays while the loss falls", async () => {
    const epochs = await fit({ epochs: 6, schedule: plateau("min") });
    const losses = epochs.map(({ train }) => train.loss);
    expect(losses.at(-1)).to.be.below(losses[0]!);
    expect(epochs.at(-1)!.learningRate).to.be.closeTo(0.003 * 0.5 ** reductions(losses, falls), 1e-12);
  });

  for (const monitor of ["train.accuracy", "train.loss", "validation.accuracy", "loss"] satisfies Monitor[]) {
    it(`${monitor} is what a plateau without a mode waits for`, async () => {
      const epochs = await fit({ epochs: 6, schedule: plateau(), monitor }, { validation: loader() });
      const figures = epochs.map(({ train, validation }) => {
        if (monitor === "train.accuracy") return train.accuracy;
        if (monitor === "train.loss") return train.loss;
        return monitor === "loss" ? validation!.loss : validation!.accuracy;
      });
      const count = reductions(figures, monitor.endsWith("loss") ? falls : rises);
      expect(epochs.at(-1)!.learningRate).to.be.closeTo(0.003 * 0.5 ** count, 1e-12);
    });
  }

  it("tells the best epoch: of the highest accuracy, or the lowest loss, on held-out images", async () => {
    const train = async (monitor?: Monitor) => {
      const model = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8 });
      using trainer = new Trainer(model, { epochs: 5, ...(monitor ? { monitor } : {}) });
      const epochs: EpochEvent[] = [];
      const run = trainer.fit(loader(), { validation: loader(), validateEvery: 2 });
      for await (const event of run) if (event.type === "epoch") epochs.push(event);
      const judged = epochs.flatMap(({ epoch, validation }) => (validation ? [{ epoch, validation }] : []));
      expect(judged.map(({ epoch }) => epoch)).to.deep.equal([2, 4, 5]);
      return { best: (await run).best, judged };
    };
    const byAccuracy = await train();
    const highest = maximum(byAccuracy.judged.map(({ validation }) => validation.accuracy));
    const first = byAccuracy.judged.find(({ validation }) => validation.accuracy === highest)!;
    expect(byAccuracy.best).to.include({ epoch: first.epoch, value: highest });
    const byLoss = await train("validation.loss");
    const lowest = minimum(byLoss.judged.map(({ validation }) => validation.loss));
    expect(byLoss.best).to.include({ value: lowest, term: "loss" });
    expect((await train("train.loss")).best).to.equal(undefined);
    for (const monitor of ["macroF1", "validation.balancedAccuracy"] as const) {
      const { best, judged } = await train(monitor);
      const term = monitor === "macroF1" ? monitor : "balancedAccuracy";
      const most = maximum(judged.map(({ validation }) => validation[term]));
      const chosen = judged.find(({ validation }) => validation[term] === most)!;
      expect(best).to.deep.include({ epoch: chosen.epoch, value: most, part: "validation", term });
    }
  });

  it("is refused where it is not known, contradicts the plateau, or needs images that are not held out", async () => {
    const model = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8 });
    const make = (options: TrainerOptions) => () => new Trainer(model, options);
    expect(make({ monitor: "f1" as never }))
      .to.throw(/must be one of accuracy, loss/)
      .with.property("argument", "monitor");
    expect(make({ monitor: "accuracy", schedule: plateau("min") }))
      .to.throw(/must be "max" where the monitor is "accuracy"/)
      .with.property("argument", "schedule.mode");
    for (const monitor of ["validation.loss", "balancedAccuracy", "validation.macroF1"] as const) {
      const error = await rejected(fit({ epochs: 1, monitor }));
      expect(error).to.include({ code: "ERR_ARGUMENT", argument: "monitor" });
    }
  });
});
