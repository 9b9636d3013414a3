import { expect } from "chai";
import { initProcessGroup } from "#lib/distributed/init-process-group.js";
import type { TrainerOptions } from "mutual-channel-loss";
import { temporaryFolder } from "../support/images.js";
import { runRanks } from "../support/ranks.js";
import { train, type Differing, type Trained, type Training } from "./equal-ranks.js";

const RANKS = new URL("equal-ranks.js", import.meta.url).href;

const ONE_STEP: TrainerOptions = {
  epochs: 1,
  loss: { alpha: 1.5, beta: 2 },
  // So that the weights move by the gradient.
  optimizer: { type: "sgd", learningRate: 1, momentum: 0, weightDecay: 0, nesterov: false },
  schedule: { type: "constant" },
  syncBatchNorm: true,
  checkReplicas: true,
};
const CURVE: TrainerOptions = {
  ...ONE_STEP,
  optimizer: { type: "sgd", learningRate: 0.01, momentum: 0.9 },
  loss: { alpha: 1.5, beta: 2, center: { weight: 0.01 } },
  schedule: { type: "cosine" },
};

const TRAININGS: Record<string, Training> = {
  "one update": { batches: 1, options: ONE_STEP },
  "one update of three batches, clipped": {
    batches: 3,
    options: { ...ONE_STEP, accumulate: 3, clipNorm: 0.5 },
  },
  "20 steps with a center loss": { batches: 20, options: CURVE },
  "weights of the classes": {
    batches: 4,
    options: { ...CURVE, loss: { type: "ce", classWeights: [1, 2, 4], labelSmoothing: 0.1 } },
  },
  "epochs of unfreezing, averages and a plateau": {
    batches: 2,
    options: {
      ...CURVE,
      epochs: 4,
      ema: 0.9,
      accumulate: 2,
      schedule: { type: "plateau", patience: 0 },
      unfreeze: [
        { epoch: 0, pattern: "classifier.*" },
        { epoch: 2, pattern: "layer3.*" },
      ],
    },
  },
  "6 steps of mixed images": {
    batches: 6,
    options: { ...CURVE, loss: { alpha: 1.5, beta: 2 }, mix: [{ type: "mixup" }, { type: "cutmix" }] },
  },
  "batches that are not finite, skipped": { batches: 4, options: { ...CURVE, onNan: "skip" }, damaged: [1] },
};

function relative(values: Float64Array, expected: Float64Array): number {
  const norm = (all: Float64Array) => Math.sqrt(all.reduce((sum, x) => sum + x * x, 0));
  return norm(values.map((x, i) => x - (expected[i] ?? NaN))) / Math.max(norm(expected), 1e-3);
}

function expectAlike(
  name: string,
  trained: Trained,
  alone: Trained,
  bounds: { loss: number; state: number },
) {
  expect(trained.images).to.deep.equal(alone.images);
  expect(trained.losses).to.have.length(alone.losses.length);
  trained.losses.forEach((loss, step) => {
    const expected = alone.losses[step] ?? 0;
    const error = Object.is(loss, expected) ? 0 : Math.abs(loss / expected - 1);
    expect(error, `${name}: loss of step ${step + 1}`).to.be.below(bounds.loss);
  });
  for (const [tensor, values] of Object.entries(alone.state)) {
    expect(relative(trained.state[tensor]!, values), `${name}: ${tensor}`).to.be.below(bounds.state);
  }
}

describe("several processes train as one does, in float64 with batch normalisation over all", () => {
  const folder = temporaryFolder();
  const names = Object.keys(TRAININGS);
  let alone: Trained[];
  const together = new Map<number, Trained[][]>();

  before(async () => {
    await using group = await initProcessGroup({ rank: 0, worldSize: 1 });
    alone = await train(group, Object.values(TRAININGS));
    for (const world of [2, 3]) {
      together.set(world, await runRanks<Trained[]>(world, RANKS, "train", Object.values(TRAININGS)));
    }
  });

  names.forEach((name, index) => {
    for (const world of [2, 3]) {
      it(`${name}: ${world} processes`, () => {
        const results = together.get(world)!.map((trained) => trained[index]!);
        for (const result of results) expect(result).to.deep.equal(results[0]);
        const bounds = index < 2 ? { loss: 1e-12, state: 1e-12 } : { loss: 1e-10, state: 1e-9 };
        expectAlike(name, results[0]!, alone[index]!, bounds);
      });
    }
  });

  it("stop on all where the loss of one is not finite, and say whose files they are", async () => {
    const training: Training = { batches: 3, options: CURVE, damaged: [1] };
    const errors = await runRanks<{ code: string; message: string; ranks: number[] }>(2, RANKS, "stop", {
      ...training,
      options: { ...CURVE, syncBatchNorm: false },
    });
    for (const { code, ranks } of errors) {
      expect(code).to.equal("ERR_NAN_LOSS");
      expect(ranks).to.deep.equal([0]);
    }
    expect(errors[0]?.message).to.match(/look at the batch's files: 1-0\.png, 1-2\.png/);
    expect(errors[1]?.message).to.match(/look at the batch's files of rank 0, which that process names/);
  });

  it("say what differs, on all of them, before they train", async () => {
    const cases: [Differing, RegExp][] = [
      [{ width: 6 }, /model\.conv1\.weight is float32 \[6, 3, 3, 3\] there, and float32 \[4, 3, 3, 3\] on/],
      [{ batches: 2 }, /batches is 2 there, and 1 on rank 0/],
      [{ options: { epochs: 2 } }, /options\.epochs is 2 there, and 1 on rank 0/],
      [{ options: { syncBatchNorm: true } }, /options\.syncBatchNorm is true there, and absent on rank 0/],
      [{ options: { accumulate: 2 } }, /options\.accumulate is 2 there, and 1 on rank 0/],
    ];
    const argument = { folder: folder(), cases: cases.map(([differing]) => differing) };
    for (const messages of await runRanks<string[]>(2, RANKS, "differ", argument)) {
      cases.forEach(([, pattern], index) => {
        expect(messages[index])
          .to.match(/^ERR_DISTRIBUTED: rank 1 has another training than rank 0: /)
          .and.match(pattern);
      });
    }
  });

  it("make no CUDA graph of their steps, and say so", async () => {
    for (const notices of await runRanks<string[]>(2, RANKS, "graphNotices")) {
      expect(notices).to.have.length(1);
      expect(notices[0]).to.match(/the gradients are those of 2 processes/);
    }
  });

  it("are told apart where one changed something by itself", async () => {
    const errors = await runRanks<{ code: string; message: string }>(2, RANKS, "tamper", {
      batches: 3,
      options: CURVE,
    });
    for (const { code, message } of errors) {
      expect(code).to.equal("ERR_DISTRIBUTED");
      expect(message).to.match(/^conv1\.weight.* differ between the processes after step 2 of epoch 1/);
    }
  });

  it("average gradients in a loop of one's own, of which a process may have none", async () => {
    const results = await runRanks<(Float32Array | null)[]>(3, RANKS, "average");
    for (const [all, one, none] of results) {
      expect(all).to.deep.equal(Float32Array.of(2, 2));
      expect(one?.[0]).to.be.closeTo(1 / 3, 1e-7);
      expect(none).to.equal(null);
    }
  });

  it("and again bit for bit", async () => {
    const again = await runRanks<Trained[]>(3, RANKS, "train", Object.values(TRAININGS));
    expect(again).to.deep.equal(together.get(3));
  });
});
