import { expect } from "chai";
import * as fc from "fast-check";
import { isDeepStrictEqual } from "node:util";
import type { LossOptions, TrainerOptions } from "mutual-channel-loss";
import { configurationOf } from "#lib/compare/conditions.js";
import { recordJson } from "#lib/record-json.js";
import { completeRecordedOptions, completeTrainerOptions } from "#lib/train/trainer-options.js";

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const share = fc.constantFrom(0, 0.1, 0.5, 0.6);
const classification = fc.oneof(
  fc.record({ type: fc.constant("ce" as const), labelSmoothing: maybe(share) }),
  fc.record({ type: fc.constant("focal" as const), gamma: maybe(fc.constantFrom(0, 1, 2)) }),
);
const center = maybe(fc.record({ weight: maybe(fc.constantFrom(0.003, 0.1)), rate: maybe(share) }));
const loss: fc.Arbitrary<LossOptions> = fc.oneof(
  fc.constant("ce" as const),
  fc.tuple(classification, center).map(([term, added]) => ({ ...term, center: added })),
  fc.record({
    type: maybe(fc.constant("mc" as const)),
    alpha: maybe(fc.constantFrom(0, 1, 1.5)),
    beta: maybe(fc.constantFrom(0, 1, 20)),
    betaWarmupEpochs: maybe(fc.constantFrom(0, 2.5)),
    keep: maybe(
      fc.oneof(
        fc.constant("all" as const),
        fc.constantFrom(1, 2),
        share.map((drop) => ({ drop })),
      ),
    ),
    perSample: maybe(fc.boolean()),
    pooling: maybe(fc.constantFrom("max" as const, "mean" as const)),
    diversityPooling: maybe(fc.constantFrom("max" as const, "mean" as const)),
    diversityOver: maybe(fc.constantFrom("classes", "blocks", "own", "scores")),
    classification: maybe(classification),
    center,
  }),
);
const groups = maybe(
  fc.array(fc.record({ pattern: fc.constantFrom("fc", "layer1"), learningRate: share }), { maxLength: 2 }),
);
const optimizer = fc.oneof(
  fc.record({
    type: maybe(fc.constant("sgd" as const)),
    learningRate: fc.constantFrom(0.01, 0.05),
    momentum: maybe(fc.constantFrom(0, 0.9)),
    weightDecay: maybe(fc.constantFrom(0, 5e-4)),
    decayBiasAndNorm: maybe(fc.boolean()),
    groups,
  }),
  fc.record({
    type: fc.constantFrom("adam" as const, "adamw" as const),
    learningRate: fc.constantFrom(0.01, 0.05),
    betas: maybe(fc.constantFrom([0.9, 0.999] as const, [0.8, 0.999] as const)),
    groups,
  }),
);
const schedule = fc.oneof(
  fc.record({ type: fc.constant("constant" as const) }),
  fc.record({ type: fc.constant("cosine" as const), warmupEpochs: maybe(fc.constantFrom(0, 3)) }),
  fc.record({ type: fc.constant("step" as const), size: fc.constantFrom(1, 30), gamma: maybe(share) }),
  fc.record({ type: fc.constant("multiStep" as const), milestones: fc.constantFrom([3], [3, 4]) }),
);
const options = fc.record({
  epochs: maybe(fc.constantFrom(10, 100)),
  loss: maybe(loss),
  optimizer: maybe(optimizer),
  schedule: maybe(schedule),
  precision: maybe(fc.constantFrom("float32" as const, "bfloat16" as const)),
  clipNorm: maybe(fc.constantFrom(1, 2)),
  clipValue: maybe(fc.constantFrom(1, 2)),
  accumulate: maybe(fc.constantFrom(1, 2)),
  ema: maybe(fc.constantFrom(0, 0.9)),
  monitor: maybe(fc.constantFrom("accuracy" as const, "loss" as const)),
  unfreeze: maybe(fc.constant([{ epoch: 0, pattern: "fc" }])),
  onNan: maybe(fc.constantFrom("stop" as const, "skip" as const)),
  tf32: maybe(fc.boolean()),
  cudaGraph: maybe(fc.boolean()),
}) as fc.Arbitrary<TrainerOptions>;

/** What comparing makes of options that `run.json` was written with. */
function configuration(recorded: object, about: Record<string, unknown> = {}): string {
  const read = JSON.parse(recordJson(recorded, "run.json")) as Record<string, unknown>;
  const complete = completeRecordedOptions(read);
  return configurationOf({ network: "net", classes: 3, loss: complete["loss"], options: complete, about });
}

/** What the options mean, however they are written. */
function meaning(given: TrainerOptions): unknown {
  const complete = completeTrainerOptions(given);
  const { loss } = complete;
  const written = loss === "ce" ? { type: "ce", labelSmoothing: 0 } : loss;
  const term = { type: "ce", labelSmoothing: 0 };
  const whole = written.type === "mc" ? { classification: term, ...written } : written;
  return JSON.parse(recordJson({ ...complete, loss: whole }, "options"));
}

function caught(given: TrainerOptions): boolean {
  try {
    completeTrainerOptions(given);
    return false;
  } catch {
    return true;
  }
}

describe("the configuration of a run", () => {
  const valid = options.filter((given) => !caught(given));

  it("is the same for options that are the same once they are complete, and for no others", () => {
    // Of one option alone too, so that options which differ in little are met.
    const changed = fc.tuple(
      valid,
      valid,
      fc.constantFrom("loss", "optimizer", "schedule", "ema", "tf32", "monitor"),
    );
    const pairs = fc.oneof(
      fc.tuple(valid, valid),
      changed.map(([a, b, key]) => [a, { ...a, [key]: b[key as keyof TrainerOptions] }] as const),
    );
    let [same, different] = [0, 0];
    fc.assert(
      fc.property(
        pairs.filter((pair) => !pair.some(caught)),
        ([a, b]) => {
          const alike = isDeepStrictEqual(meaning(a), meaning(b));
          if (alike) same += 1;
          else different += 1;
          expect(
            configuration(completeTrainerOptions(a)) === configuration(completeTrainerOptions(b)),
          ).to.equal(alike);
        },
      ),
      { seed: 1, numRuns: 2000 },
    );
    expect(same).to.be.above(20);
    expect(different).to.be.above(200);
  });

  it("is that of the complete options, where run.json has them as they were given", () => {
    fc.assert(
      fc.property(valid, (given) => {
        expect(configuration(given)).to.equal(configuration(completeTrainerOptions(given)));
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it("tells apart whatever else a run says of itself, and the kinds of values", () => {
    const plain = completeTrainerOptions({});
    const told = [
      {},
      { note: 1 },
      { note: "1" },
      { note: true },
      { note: "true" },
      { note: [] },
      { note: ["a", "b"] },
      { note: "a,b" },
      { note: { a: { b: 1 } } },
      { note: { "a.b": 1 } },
      { note: [{ a: 1 }, { b: 2 }] },
      { note: [{ a: 1, b: 2 }] },
    ];
    expect(new Set(told.map((about) => configuration(plain, about)))).to.have.length(told.length);
    const sameAs = (about: Record<string, unknown>) => configuration(plain, about) === configuration(plain);
    expect([{ command: "train" }, { note: null }].map(sameAs)).to.deep.equal([true, true]);
  });

  it("is the same for every seed, and for however often metrics are read", () => {
    const of = (given: TrainerOptions) => configuration(completeTrainerOptions(given));
    expect(of({ seed: 3, metricsEvery: 7 })).to.equal(of({}));
  });
});
