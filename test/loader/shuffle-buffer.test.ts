import { expect } from "chai";
import { randomAt } from "#lib/image/random.js";
import { samplerOf } from "#lib/loader/sampler.js";
import { type Dataset } from "mutual-channel-loss";
import { samplers, type SamplerSpec } from "mutual-channel-loss/data";

/** Shards of these sizes. */
function sharded(...sizes: number[]): Dataset {
  const numbers = sizes.flatMap((size, number) => Array.from({ length: size }, () => number));
  return {
    length: numbers.length,
    classes: ["one"],
    sample: (index) => ({ path: String(index), label: 0, shard: { number: numbers[index]!, content: "" } }),
  };
}

const draw = (sampler: SamplerSpec, dataset: Dataset, epoch = 0) =>
  samplerOf(sampler, dataset).draw(randomAt(1, epoch));
const inOrder = (order: readonly number[]) => [...order].sort((a, b) => a - b);
const all = (count: number) => Array.from({ length: count }, (_, index) => index);

describe("samplers.shuffleBuffer()", () => {
  const ten = sharded(...Array.from({ length: 10 }, () => 100));
  const shardsOf = (order: readonly number[]) => order.map((index) => ten.sample(index).shard!.number);

  it("has every sample once, in another order in every epoch, the same for the same seed", () => {
    const [first, second] = [0, 1].map((epoch) => draw(samplers.shuffleBuffer(), ten, epoch));
    for (const order of [first!, second!]) expect(inOrder(order)).to.deep.equal(all(1000));
    expect(first).to.not.deep.equal(second);
    expect(draw(samplers.shuffleBuffer(), ten)).to.deep.equal(first);
  });

  it("reads nearly as the samples lie: none comes before its shard is within the buffer", () => {
    const order = draw(samplers.shuffleBuffer({ buffer: 50 }), ten);
    const shards = shardsOf(order);
    const begun = [...new Set(shards)];
    expect(begun).to.not.deep.equal(all(10));
    for (const [turn, shard] of shards.entries()) {
      const from = begun.indexOf(shard) * 100;
      expect(turn).to.be.within(from - 50, from + 100 + 50);
    }
    // A buffer of one sample shuffles the shards alone.
    const plain = draw(samplers.shuffleBuffer({ buffer: 1 }), ten);
    for (const [turn, index] of plain.entries())
      if (turn % 100 > 0) expect(index).to.equal(plain[turn - 1]! + 1);
  });

  it("mixes as its buffer allows", () => {
    const order = draw(samplers.shuffleBuffer({ buffer: 1000 }), ten);
    // As a whole: of 1000 samples about one stays where it was.
    expect(order.filter((index, turn) => index === turn).length).to.be.below(10);
    expect(new Set(shardsOf(order).slice(0, 100)).size).to.equal(10);
  });

  it("shared by processes gives each its own shards, and together what one process has", () => {
    const sampler = samplers.shuffleBuffer({ buffer: 20, streams: 2 });
    const whole = draw(sampler, ten);
    const shares = [0, 1].map((rank) => draw(samplers.distributed(rank, 2, { sampler }), ten));
    expect(shares[0]!.flatMap((index, turn) => [index, shares[1]![turn]!])).to.deep.equal(whole);
    const [mine, yours] = shares.map((share) => new Set(shardsOf(share)));
    expect([mine!.size, yours!.size]).to.deep.equal([5, 5]);
    expect([...mine!].filter((shard) => yours!.has(shard))).to.deep.equal([]);
  });

  it("loses nothing where shards are of different sizes, or fewer than processes", () => {
    for (const dataset of [sharded(5, 1, 70, 3), sharded(7), sharded(1, 1)]) {
      for (const streams of [1, 2, 3, 5]) {
        const sampler = samplers.shuffleBuffer({ buffer: 4, streams });
        expect(inOrder(draw(sampler, dataset))).to.deep.equal(all(dataset.length));
      }
    }
  });

  it("takes a data set without shards for one", () => {
    const plain: Dataset = {
      length: 9,
      classes: ["one"],
      sample: (index) => ({ path: `${index}`, label: 0 }),
    };
    expect(inOrder(draw(samplers.shuffleBuffer(), plain))).to.deep.equal(all(9));
  });
});
