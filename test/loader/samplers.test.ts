import { expect } from "chai";
import { randomAt } from "#lib/image/random.js";
import { samplerOf } from "#lib/loader/sampler.js";
import { type Dataset } from "mutual-channel-loss";
import { samplers, type SamplerSpec } from "mutual-channel-loss/data";
import { caught } from "../support/errors.js";

/** 90 samples of class 0, then 10 of class 1. */
const UNEVEN: Dataset = {
  length: 100,
  classes: ["often", "rare"],
  sample: (index) => ({ path: String(index), label: index < 90 ? 0 : 1 }),
};
const draw = (sampler: SamplerSpec, epoch = 0) => samplerOf(sampler, UNEVEN).draw(randomAt(1, epoch));
const all = Array.from({ length: 100 }, (_, index) => index);
const inOrder = (order: readonly number[]) => [...order].sort((a, b) => a - b);

describe("samplers", () => {
  it("sequential keeps the order, shuffle changes it every epoch", () => {
    expect(draw(samplers.sequential())).to.deep.equal(all);
    const [first, second] = [draw(samplers.shuffle(), 0), draw(samplers.shuffle(), 1)];
    expect(first).to.not.deep.equal(second);
    for (const order of [first, second]) expect(inOrder(order)).to.deep.equal(all);
  });

  it("weighted draws samples as often as their weights say", () => {
    const weights = all.map((index) => (index === 7 ? 3 : index === 8 ? 1 : 0));
    const order = draw(samplers.weighted(weights, { samples: 4000 }));
    const sevens = order.filter((index) => index === 7).length;
    expect(order.every((index) => index === 7 || index === 8)).to.equal(true);
    // Binomial(4000, 3/4): five standard deviations are 137.
    expect(Math.abs(sevens - 3000)).to.be.lessThan(137);
  });

  it("weighted without weights draws classes by a power of their sizes, the square root by default", () => {
    const rareOf = (power?: number) => {
      const order = draw(samplers.weighted(undefined, { samples: 4000, power }));
      return order.filter((index) => index >= 90).length;
    };
    // √10 / (√90 + √10) = 1/4 of 4000, 1/10, and 1/2; five standard deviations are 137, 95 and 158.
    expect(Math.abs(rareOf() - 1000)).to.be.lessThan(137);
    expect(Math.abs(rareOf(1) - 400)).to.be.lessThan(95);
    expect(Math.abs(rareOf(0) - 2000)).to.be.lessThan(158);
  });

  it("weighted without replacement draws each at most once, heavy ones first", () => {
    const weights = all.map((index) => (index < 20 ? 0 : index < 60 ? 1000 : 1));
    const order = draw(samplers.weighted(weights, { samples: 50, replacement: false }));
    expect(new Set(order).size).to.equal(50);
    expect(order.every((index) => index >= 20)).to.equal(true);
    expect(order.filter((index) => index < 60).length).to.be.greaterThan(35);
  });

  it("classBalanced draws every class equally often", () => {
    const order = draw(samplers.classBalanced({ samples: 4000 }));
    const rare = order.filter((index) => index >= 90).length;
    // Binomial(4000, 1/2): five standard deviations are 158.
    expect(Math.abs(rare - 2000)).to.be.lessThan(158);
    expect(draw(samplers.classBalanced())).to.have.length(100);
  });

  it("distributed shares out one order, as DistributedSampler does", () => {
    const whole = draw(samplers.shuffle());
    const shares = [0, 1, 2].map((rank) => draw(samplers.distributed(rank, 3)));
    // 100 = 3 · 34 − 2: the first two come again.
    const padded = [...whole, ...whole.slice(0, 2)];
    shares.forEach((share, rank) => {
      expect(share).to.deep.equal(padded.filter((_, position) => position % 3 === rank));
    });
    const even = [0, 1, 2].map((rank) =>
      draw(samplers.distributed(rank, 3, { sampler: samplers.sequential(), dropLast: true })),
    );
    expect(inOrder(even.flat())).to.deep.equal(all.slice(0, 99));
    expect(samplerOf(samplers.distributed(0, 3), UNEVEN).count()).to.equal(34);
  });

  it("distributed shares out what is drawn by class or weight: together all draw what one does", () => {
    for (const sampler of [samplers.classBalanced(), samplers.weighted(), samplers.weighted(all)]) {
      const whole = draw(sampler);
      const shares = [0, 1].map((rank) => draw(samplers.distributed(rank, 2, { sampler })));
      shares.forEach((share, rank) => {
        expect(share).to.deep.equal(whole.filter((_, position) => position % 2 === rank));
      });
    }
  });

  it("shard deals out every sample once", () => {
    const parts = [0, 1, 2].map((rank) => draw(samplers.shard(rank, 3)));
    expect(parts.map((part) => part.length)).to.deep.equal([34, 33, 33]);
    expect(parts[1]?.slice(0, 3)).to.deep.equal([1, 4, 7]);
    expect(inOrder(parts.flat())).to.deep.equal(all);
    expect(samplerOf(samplers.shard(2, 3), UNEVEN).count()).to.equal(33);
    expect(samplerOf(samplers.shard(101, 102), UNEVEN).count()).to.equal(0);
  });

  it("are plain data", () => {
    const sampler = samplers.distributed(1, 2, { sampler: samplers.classBalanced({ samples: 10 }) });
    expect(draw(JSON.parse(JSON.stringify(sampler)) as SamplerSpec)).to.deep.equal(draw(sampler));
  });

  it("are checked, naming the argument", () => {
    const cases: [SamplerSpec, string][] = [
      [samplers.weighted([1]), "weights"],
      [samplers.weighted(undefined, { power: 2 }), "power"],
      [samplers.weighted(all.map(() => 0)), "weights"],
      [samplers.weighted(all.map((index) => (index === 3 ? -1 : 1))), "weights[3]"],
      [samplers.weighted(all.map((index) => (index === 4 ? NaN : 1))), "weights[4]"],
      [samplers.weighted(all, { samples: 100, replacement: false }), "samples"],
      [samplers.weighted(all, { samples: 0 }), "samples"],
      [samplers.classBalanced({ samples: 1.5 }), "samples"],
      [samplers.distributed(2, 2), "rank"],
      [samplers.shard(3, 3), "rank"],
      [samplers.distributed(0, 0), "world"],
      [samplers.distributed(0, 2, { sampler: samplers.weighted([1]) }), "sampler.weights"],
      [{ type: "random" } as unknown as SamplerSpec, "type"],
      [{ type: "weighted", weights: all, weight: 1 } as unknown as SamplerSpec, "weight"],
    ];
    for (const [sampler, argument] of cases) {
      const error = caught(() => samplerOf(sampler, UNEVEN));
      expect(error, argument).to.include({ code: "ERR_ARGUMENT", argument: `sampler.${argument}` });
    }
  });
});
