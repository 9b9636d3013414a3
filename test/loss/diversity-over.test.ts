import { readFileSync } from "node:fs";
import { expect } from "chai";
import { ChannelGroups, mcLoss, tensor, type Tensor } from "mutual-channel-loss";
import { type ChannelBlock, type DiversityOver } from "mutual-channel-loss/loss";
import { ops } from "mutual-channel-loss/tensor";
import { describeOnDevices } from "../support/devices.js";
import { caught } from "../support/errors.js";

/** What test/fixtures/diversity/make.py wrote. */
interface DiversityCase {
  name: string;
  over: DiversityOver;
  blocks: ChannelBlock[];
  shape: number[];
  x: number[];
  labels: number[];
  mask: number[];
  diversity: number;
  gradient: number[];
}

const cases = JSON.parse(
  readFileSync(new URL("../fixtures/diversity/diversity.json", import.meta.url), "utf8"),
) as DiversityCase[];

const TOLERANCE = { float64: 1e-12, float32: 1e-6 };

for (const operator of ["mcloss::mc_loss", "mcloss::reference"]) {
  describeOnDevices(`${operator}: whose diversity counts, as PyTorch has it`, (device) => {
    for (const one of cases) {
      it(`${one.name}, alone and within the loss`, async () => {
        const { blockClasses, blockChannels } = ChannelGroups.blocks(one.blocks).toLists();
        for (const dtype of ["float64", "float32"] as const) {
          const labels = tensor(Int32Array.from(one.labels), { dtype: "int64" }).to(device);
          const mask = tensor(Uint8Array.from(one.mask)).to(device);
          for (const [term, scale] of [
            [2, 1],
            [0, 20],
          ] as const) {
            const wide = tensor(Float64Array.from(one.x), { shape: one.shape });
            const x = wide.to(dtype).to(device).detach().withGrad();
            const terms = ops(operator, x, labels, blockClasses, blockChannels, {
              ...{ alpha: 0, beta: 20, mask, diversity_over: one.over },
            }) as Tensor[];
            await terms[term]!.backward();
            expect(terms[term]!.item()).to.be.closeTo(scale * one.diversity, scale * TOLERANCE[dtype]);
            const gradient = [...(await x.grad!.data())].map(Number);
            gradient.forEach((value, i) => {
              expect(value, `element ${i}`).to.be.closeTo(scale * one.gradient[i]!, scale * TOLERANCE[dtype]);
            });
          }
        }
      });
    }
  });
}

describe("mcLoss's diversityOver", () => {
  const x = tensor(
    Float32Array.from({ length: 2 * 5 * 4 }, (_, i) => Math.sin(i)),
    { shape: [2, 5, 2, 2] },
  );
  const y = tensor(Int32Array.of(0, 1), { dtype: "int64" });
  const groups = ChannelGroups.split(5, 2);

  it("reaches the operator, and leaves discriminality as it is", () => {
    const of = (diversityOver?: DiversityOver) => mcLoss(x, y, { groups, keep: "all", diversityOver });
    const values = (["classes", "blocks", "own", "scores"] as const).map((over) => of(over).diversity.item());
    expect(new Set(values).size).to.equal(4);
    expect(of().diversity.item()).to.equal(values[0]);
    expect(of("own").discriminality.item()).to.equal(of().discriminality.item());
    // Blocks of one class each: the sum of two means is twice the mean over both.
    expect(values[1]).to.be.closeTo(2 * values[0]!, 1e-6);
  });

  it("refuses another name", () => {
    const wrong = () => mcLoss(x, y, { groups, diversityOver: "block" as DiversityOver });
    expect(caught(wrong)).to.include({ code: "ERR_ARGUMENT", argument: "diversityOver" });
    const native = () => ops("mcloss::mc_loss", x, y, [1, 1], [2, 3], { diversity_over: "block" });
    expect(caught(native).message).to.include(
      'diversity_over must be "classes", "blocks", "own" or "scores"',
    );
  });
});
