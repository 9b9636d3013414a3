import { expect } from "chai";
import { ChannelGroups, mcLoss, noGrad, smallResNet, tensor, type Tensor } from "mutual-channel-loss";
import { Generator, ops } from "mutual-channel-loss/tensor";
import { describeOnDevices } from "../support/devices.js";
import { caught } from "../support/errors.js";

/** Normal numbers from a seed. */
function randn(shape: number[], seed: number, dtype = "float64"): Tensor {
  return ops("aten::randn.generator", shape, { generator: new Generator(seed), dtype }) as Tensor;
}

const groups = ChannelGroups.blocks([
  { classes: 2, channels: 2 },
  { classes: 1, channels: 3 },
]);

describe("mcLoss", () => {
  const labels = tensor(Int32Array.of(2, 0), { dtype: "int64" });

  it("agrees with finite differences in float64 (gradcheck)", async () => {
    const shape = [2, 7, 3, 2];
    const values = Float64Array.from((await randn(shape, 3).data()) as Float64Array);
    const mask = tensor([1, 0, 1, 1, 0, 1, 1]);
    const loss = (data: Float64Array) =>
      noGrad(() =>
        mcLoss(tensor(data, { shape }), labels, { groups, alpha: 1.5, beta: 4, mask }).loss.item(),
      );
    const x = tensor(values, { shape, requiresGrad: true });
    await mcLoss(x, labels, { groups, alpha: 1.5, beta: 4, mask }).loss.backward();
    const gradient = await x.grad!.data();
    const h = 1e-6;
    values.forEach((value, i) => {
      const up = loss(values.with(i, value + h));
      const down = loss(values.with(i, value - h));
      expect(Number(gradient[i])).to.be.closeTo((up - down) / (2 * h), 1e-8);
    });
  });

  it("gives the same loss and gradient whole and term by term", async () => {
    const run = async (combine: boolean) => {
      const x = randn([2, 7, 4, 4], 5, "float32").withGrad();
      const terms = mcLoss(x, labels, { groups, alpha: 1.5, beta: 20, mask: tensor([1, 1, 0, 1, 1, 0, 1]) });
      const loss = combine ? terms.loss : terms.discriminality.mul(1.5).add(terms.diversity.mul(20));
      await loss.backward();
      return { loss: loss.item(), gradient: [...(await x.grad!.data())].map(Number) };
    };
    const whole = await run(true);
    const parts = await run(false);
    expect(whole.loss).to.be.closeTo(parts.loss, 1e-6);
    whole.gradient.forEach((value, i) => expect(value).to.be.closeTo(parts.gradient[i]!, 1e-7));
  });

  it("draws the same masks from the same seed and other ones later", () => {
    const x = randn([2, 7, 4, 4], 5);
    const draw = (generator: Generator) => mcLoss(x, labels, { groups, generator }).discriminality.item();
    const generator = new Generator(9);
    const first = [draw(generator), draw(generator), draw(generator), draw(generator)];
    const again = new Generator(9);
    expect([draw(again), draw(again), draw(again), draw(again)]).to.deep.equal(first);
    expect(new Set(first).size).to.be.above(1);
  });

  it("draws one mask per sample when asked", () => {
    const one = randn([1, 7, 4, 4], 5);
    const both = ops("aten::cat", [one, one]) as Tensor;
    const twice = tensor(Int32Array.of(1, 1), { dtype: "int64" });
    const single = tensor(Int32Array.of(1), { dtype: "int64" });
    const batchMask = mcLoss(both, twice, { groups, generator: new Generator(4) }).discriminality.item();
    const alone = mcLoss(one, single, { groups, generator: new Generator(4) }).discriminality.item();
    expect(batchMask).to.be.closeTo(alone, 1e-12);
    const perSample = [1, 2, 3, 4, 5, 6].map((seed) => {
      const generator = new Generator(seed);
      const same = mcLoss(both, twice, { groups, generator, perSample: true }).discriminality.item();
      const first = mcLoss(one, single, { groups, generator: new Generator(seed) }).discriminality.item();
      return Math.abs(same - first) > 1e-9;
    });
    expect(perSample).to.include(true);
  });

  it("gives NaN for NaN features", () => {
    const x = tensor(new Float32Array(28).fill(NaN), { shape: [2, 7, 2, 1] });
    const { loss, discriminality, diversity } = mcLoss(x, labels, { groups });
    expect([loss, discriminality, diversity].map((term) => term.item())).to.deep.equal([NaN, NaN, NaN]);
  });

  it("names the argument and the shapes when they do not fit", () => {
    const x = randn([2, 7, 4, 4], 5);
    const wrongChannels = caught(() => mcLoss(randn([2, 8, 4, 4], 1), labels, { groups }));
    expect(wrongChannels).to.include({ code: "ERR_SHAPE", argument: "features" });
    expect(wrongChannels.message).to.match(/groups own \(7\), got \[2, 8, 4, 4\]/);
    expect(caught(() => mcLoss(randn([2, 7, 4], 1), labels, { groups })).message).to.match(/\[N, C, H, W\]/);
    expect(caught(() => mcLoss(x, tensor(Int32Array.of(1)), { groups })).argument).to.equal("labels");
    expect(caught(() => mcLoss(x, labels, { groups, mask: tensor([1, 1]) })).argument).to.equal("mask");
    expect(caught(() => mcLoss(x, labels, { groups, keep: 3 })).argument).to.equal("keep");
    expect(caught(() => mcLoss(x, labels, { groups, alpha: NaN })).argument).to.equal("alpha");
  });

  it("rejects labels out of range, naming the range", () => {
    const x = randn([2, 7, 4, 4], 5);
    const error = caught(() => mcLoss(x, tensor(Int32Array.of(0, 3)), { groups }));
    expect(error.message).to.match(/labels must be from 0 to 2, got 3/);
  });
});

describeOnDevices("channel-wise attention", (device) => {
  // A generator belongs to one device; on the other the global one draws.
  const options = device === "cpu" ? { generator: new Generator(1) } : {};
  const draw = (classes: number[], channels: number[], keep: number[], rows: number) =>
    ops("mcloss::draw_mask", classes, channels, keep, rows, device, options) as Tensor;

  it("keeps ⌈ξ/2⌉ channels of each class unless told otherwise", async () => {
    const standard = [...(await draw([2, 1], [2, 3], [], 64).data())].map(Number);
    const everything = [...(await draw([2, 1], [2, 3], [2, 3], 64).data())].map(Number);
    for (let row = 0; row < 64; row += 1) {
      const kept = standard.slice(row * 7, row * 7 + 7);
      const sums = [kept[0]! + kept[1]!, kept[2]! + kept[3]!, kept[4]! + kept[5]! + kept[6]!];
      expect(sums).to.deep.equal([1, 1, 2]);
    }
    expect(everything.every((kept) => kept === 1)).to.equal(true);
  });

  it("drops every channel of a group about equally often", async () => {
    const kept = await draw([1], [3], [2], 3000).to("float32").mean(0).data();
    // Three standard deviations of a share of 2/3 over 3000 draws.
    kept.forEach((share) => expect(Number(share)).to.be.closeTo(2 / 3, 0.026));
  });
});

describe("ChannelGroups", () => {
  it("splits channels as the paper does for ResNet50 and CUB-200", () => {
    expect(ChannelGroups.split(2048, 200).blocks).to.deep.equal([
      { classes: 152, channels: 10 },
      { classes: 48, channels: 11 },
    ]);
    expect(ChannelGroups.split(600, 200).blocks).to.deep.equal([{ classes: 200, channels: 3 }]);
  });

  it("knows each class's channels", () => {
    expect([0, 1, 2].map((index) => groups.channelsOf(index))).to.deep.equal([
      { start: 0, count: 2 },
      { start: 2, count: 2 },
      { start: 4, count: 3 },
    ]);
    expect(caught(() => groups.channelsOf(3)).argument).to.equal("index");
  });

  it("rejects counts that are not positive integers, and more classes than channels", () => {
    expect(caught(() => ChannelGroups.uniform(0, 3)).argument).to.equal("classes");
    expect(caught(() => ChannelGroups.uniform(3, 1.5)).argument).to.equal("channelsPerClass");
    expect(caught(() => ChannelGroups.uniform(3, 32_768)).message).to.match(
      /must be at most 32767, got 32768/,
    );
    expect(ChannelGroups.uniform(3, 32_767).channels).to.equal(98_301);
    expect(caught(() => smallResNet({ classes: 3, channelsPerClass: 32_768 })).argument).to.equal(
      "channelsPerClass",
    );
    expect(caught(() => ChannelGroups.split(3, 4)).argument).to.equal("channels");
    expect(caught(() => ChannelGroups.blocks([])).argument).to.equal("blocks");
  });
});
