import { expect } from "chai";
import { join } from "node:path";
import type { RunInfo } from "mutual-channel-loss/train";
import { readOutcome, describeOutcome } from "#lib/cli/training-outcome.js";
import { summarizeRun } from "#lib/compare/summarize-run.js";
import type { RecordedEpoch } from "#lib/run/epoch-record.js";
import { temporaryFolder } from "../support/images.js";
import { writeRun } from "../support/write-run.js";

const folder = temporaryFolder();

/** A run's summary; of each epoch [accuracy, loss] of the training and of the held-out images. */
function summaryOf(options: object, epochs: { train: [number, number]; validation?: [number, number] }[]) {
  const figures = ([accuracy, loss]: [number, number]) => ({ accuracy, loss });
  const records = epochs.map(({ train, validation }, index) => ({
    epoch: index + 1,
    epochs: epochs.length,
    train: figures(train),
    ...(validation ? { validation: figures(validation) } : {}),
  }));
  return summarizeRun({
    folder: "run",
    name: "run",
    info: { model: { name: "small-resnet", classes: 3 }, options, about: {} } as unknown as RunInfo,
    epochs: records as RecordedEpoch[],
    planned: epochs.length,
    damagedLines: 0,
    endsTorn: false,
  });
}

describe("the best epoch in a run's summary", () => {
  const VALIDATED: Parameters<typeof summaryOf>[1] = [
    { train: [0.2, 3], validation: [0.9, 0.8] },
    { train: [0.6, 1], validation: [0.7, 0.5] },
    { train: [0.5, 2], validation: [0.9, 0.6] },
  ];

  it("is that of the monitored figure, the first of several", () => {
    const best = (monitor?: string) => summaryOf({ ...(monitor && { monitor }) }, VALIDATED).best;
    expect(best()).to.deep.equal({ epoch: 1, accuracy: 0.9 });
    expect(best("accuracy")).to.deep.equal({ epoch: 1, accuracy: 0.9 });
    expect(best("loss")).to.deep.equal({ epoch: 2, accuracy: 0.7 });
    expect(best("validation.loss")).to.deep.equal({ epoch: 2, accuracy: 0.7 });
  });

  it("is none where the held-out images chose nothing", () => {
    const summary = summaryOf({ monitor: "train.accuracy" }, VALIDATED);
    expect(summary).to.not.have.property("best");
    expect(summary.last).to.deep.equal({ epoch: 3, accuracy: 0.9 });
    expect(summary.highest).to.deep.equal({ epoch: 1, accuracy: 0.9 });
    expect(summaryOf({}, VALIDATED)).to.not.have.property("highest");
    expect(summary.training?.best).to.deep.equal({ epoch: 2, accuracy: 0.6 });
  });

  it("is of the training images where none were held out, or none were measured yet", () => {
    const epochs = VALIDATED.map(({ train }) => ({ train }));
    expect(summaryOf({}, epochs).best).to.deep.equal({ epoch: 2, accuracy: 0.6 });
    expect(summaryOf({ monitor: "loss" }, epochs).best).to.deep.equal({ epoch: 2, accuracy: 0.6 });
    expect(summaryOf({ monitor: "validation.loss" }, epochs).best?.epoch).to.equal(2);
    expect(summaryOf({}, [])).to.not.have.any.keys("best", "last");
  });

  it("at the end of a training that none was chosen in is the highest, and said to be no choice", async () => {
    const options = { monitor: "train.accuracy" };
    const run = await writeRun(join(folder(), "run"), { seed: 0, accuracies: [0.7, 0.5], options });
    const outcome = await readOutcome(run, 1);
    expect(outcome.accuracies.heldOut?.best).to.equal(undefined);
    expect(outcome.accuracies.heldOut?.last).to.deep.equal({ epoch: 2, accuracy: 0.5 });
    expect(outcome.accuracies.heldOut?.highest).to.deep.equal({ epoch: 1, accuracy: 0.7 });
    expect(describeOutcome(outcome))
      .to.match(/^held-out images +70\.00 % +epoch 1 \* +50\.00 % +epoch 2$/m)
      .and.match(/^\* the highest of all epochs; the images chose none/m);
  });
});
