import { readFileSync } from "node:fs";
import { expect } from "chai";
import { ChannelGroups, mcLoss, tensor, type Tensor } from "mutual-channel-loss";
import { type ChannelBlock, type DiversityOver, type Pooling } from "mutual-channel-loss/loss";
import { ops } from "mutual-channel-loss/tensor";
import { describeOnDevices } from "../support/devices.js";
import { caught } from "../support/errors.js";
import { numbersOf } from "../support/fixtures.js";
import { gradientError } from "../support/gradcheck.js";

/** What test/fixtures/soft-targets/make.py wrote. */
interface SoftCase {
  name: string;
  blocks: ChannelBlock[];
  pooling: Pooling;
  over: DiversityOver;
  shape: number[];
  x: number[];
  targets: number[];
  mask: number[];
  /** Discriminality and diversity, with their gradients. */
  terms: [number, number];
  gradients: [number[], number[]];
}

const { terms: cases } = JSON.parse(
  readFileSync(new URL("../fixtures/soft-targets/soft-targets.json", import.meta.url), "utf8"),
) as { terms: SoftCase[] };

const TOLERANCE = { float64: 1e-12, float32: 2e-6 };
const WEIGHTS = { alpha: 1.5, beta: 20 };

for (const operator of ["mcloss::mc_loss", "mcloss::reference"]) {
  describeOnDevices(`${operator}: images of several classes, as PyTorch has it`, (device) => {
    for (const one of cases) {
      const { blockClasses, blockChannels } = ChannelGroups.blocks(one.blocks).toLists();
      const termsOf = (dtype: "float64" | "float32") => {
        const classes = one.targets.length / one.shape[0]!;
        const wide = tensor(Float64Array.from(one.targets), { shape: [one.shape[0]!, classes] });
        const x = tensor(Float64Array.from(one.x), { shape: one.shape }).to(dtype).to(device);
        const leaf = x.detach().withGrad();
        const mask = tensor(Uint8Array.from(one.mask)).to(device);
        const options = { ...WEIGHTS, mask, pooling: one.pooling, diversity_over: one.over };
        const targets = wide.to(dtype).to(device);
        return {
          leaf,
          terms: ops(operator, leaf, targets, blockClasses, blockChannels, options) as Tensor[],
        };
      };

      it(`${one.name}: each term and the loss, with their gradients`, async () => {
        const whole = (of: readonly [number, number]) => WEIGHTS.alpha * of[0] + WEIGHTS.beta * of[1];
        const [dis, div] = one.gradients;
        const gradients = [dis.map((value, i) => whole([value, div[i]!])), dis, div];
        const values = [whole(one.terms), ...one.terms];
        for (const dtype of ["float64", "float32"] as const) {
          const tolerance = 20 * TOLERANCE[dtype];
          for (const [position, value] of values.entries()) {
            const { leaf, terms } = termsOf(dtype);
            expect(terms[position]!.item()).to.be.closeTo(value, tolerance);
            await terms[position]!.backward();
            const got = await numbersOf(leaf.grad!);
            got.forEach((slope, i) => expect(slope).to.be.closeTo(gradients[position]![i]!, tolerance));
          }
        }
      });
    }
  });
}

describeOnDevices("distributions that are of one class each", (device) => {
  it("give what the classes' numbers give, bit for bit", async () => {
    const groups = ChannelGroups.split(11, 4);
    const x = tensor(
      Float32Array.from({ length: 3 * 11 * 49 }, (_, i) => Math.sin(i * i)),
      { shape: [3, 11, 7, 7] },
    ).to(device);
    const numbers = tensor(Int32Array.of(2, 0, 3), { dtype: "int64" }).to(device);
    const rows = tensor(Float32Array.of(0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1), { shape: [3, 4] }).to(device);
    for (const diversityOver of ["classes", "own", "scores"] as const) {
      const made = [];
      for (const labels of [numbers, rows]) {
        const leaf = x.detach().withGrad();
        const terms = mcLoss(leaf, labels, { groups, keep: "all", diversityOver });
        await terms.loss.backward();
        const values = [terms.loss, terms.discriminality, terms.diversity].map((term) => term.item());
        made.push([...values, ...(await numbersOf(leaf.grad!))]);
      }
      expect(made[1]).to.deep.equal(made[0]);
    }
  });
});

describe("mcLoss of distributions", () => {
  const groups = ChannelGroups.split(5, 2);
  const x = tensor(
    Float32Array.from({ length: 2 * 5 * 4 }, (_, i) => Math.sin(i)),
    { shape: [2, 5, 2, 2] },
  );
  const of = (...values: number[]) => tensor(Float32Array.from(values), { shape: [2, values.length / 2] });

  it("has the gradient of its value (central differences, float64)", async () => {
    const targets = tensor(Float64Array.of(0.25, 0.75, 0.9, 0.1), { shape: [2, 2] });
    const lossOf = (features: Tensor) => mcLoss(features, targets, { groups, keep: "all" }).loss;
    expect(await gradientError(lossOf, await numbersOf(x), x.shape)).to.be.below(1e-7);
  });

  it("names the shape that they must have", () => {
    const error = caught(() => mcLoss(x, of(1, 0, 0, 1, 0, 0), { groups }));
    expect(error).to.include({ code: "ERR_SHAPE", argument: "labels" });
    expect(error.message).to.include("labels must have shape [2, 2]");
    const integers = tensor(Int32Array.of(1, 0, 0, 1), { shape: [2, 2], dtype: "int64" });
    expect(caught(() => mcLoss(x, integers, { groups })).message).to.include("must have shape [2]");
  });

  it("refuses rows that are no distributions", () => {
    for (const wrong of [of(0.5, 0.6, 1, 0), of(1.5, -0.5, 1, 0), of(NaN, 1, 1, 0)]) {
      expect(caught(() => mcLoss(x, wrong, { groups })).message).to.match(/labels .* must be distributions/);
      const byReference = () => ops("mcloss::reference", x, wrong, [1, 1], [2, 3]);
      expect(caught(byReference).message).to.match(/labels .* must be distributions/);
    }
  });
});
