import { expect } from "chai";
import {
  ChannelGroups,
  Generator,
  noGrad,
  ops,
  tensor,
  type ChannelBlock,
  type Dtype,
  type Tensor,
} from "mutual-channel-loss";
import { randomAt } from "#lib/data/random.js";
import { native } from "#lib/native/binding.js";
import { rejected } from "../support/errors.js";

interface Case {
  blocks: ChannelBlock[];
  shape: [number, number, number, number];
  dtype: Dtype;
  layout: "contiguous" | "channelsLast" | "sliced";
  maskRows: 1 | "N";
  kind: "normal" | "rectified" | "large";
}

/** A random problem of moderate size; the seed tells it. */
function drawCase(seed: number): Case {
  const random = randomAt(99, seed);
  const pick = <T>(...choices: [T, ...T[]]): T =>
    choices[random.integer(0, choices.length - 1)] ?? choices[0];
  const blocks = Array.from({ length: random.integer(1, 3) }, () => ({
    classes: random.integer(1, 6),
    channels: pick(1, 2, 3, 5, 11, 64),
  }));
  const { channels } = ChannelGroups.blocks(blocks);
  return {
    blocks,
    shape: [random.integer(1, 5), channels, pick(1, 2, 7, 13), pick(1, 3, 7, 16)],
    dtype: pick<Dtype>("float64", "float32", "bfloat16", "float16"),
    layout: pick("contiguous", "channelsLast", "sliced"),
    maskRows: pick<1 | "N">(1, "N"),
    kind: pick("normal", "rectified", "large"),
  };
}

function features({ shape, dtype, layout, kind }: Case, seed: number): Tensor {
  const [n, c, h, w] = shape;
  const wide = layout === "sliced" ? [n, c, h, w + 2] : shape;
  const drawn = ops("aten::randn.generator", wide, {
    generator: new Generator(seed),
    dtype: "float64",
  }) as Tensor;
  const scaled = kind === "rectified" ? drawn.relu() : drawn.mul(kind === "large" ? 1e4 : 1);
  const x = layout === "sliced" ? scaled.to(dtype).narrow(3, 1, w) : scaled.to(dtype);
  return layout === "channelsLast"
    ? (ops("aten::contiguous", x, { memory_format: "channelsLast" }) as Tensor)
    : x;
}

function largestOf(values: readonly number[]): number {
  return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}

const WEIGHTS = { alpha: 1.5, beta: 20 };

async function run(operator: string, x: Tensor, labels: Tensor, mask: Tensor, blocks: ChannelBlock[]) {
  const leaf = x.detach().withGrad();
  const { blockClasses, blockChannels } = ChannelGroups.blocks(blocks).toLists();
  const options = { ...WEIGHTS, mask };
  const terms = ops(operator, leaf, labels, blockClasses, blockChannels, options) as [Tensor, Tensor, Tensor];
  await terms[0].backward();
  return { terms: terms.map((term) => term.item()), gradient: [...(await leaf.grad!.data())].map(Number) };
}

describe("the fused loss on random problems", () => {
  for (let seed = 0; seed < 60; seed += 1) {
    const problem = drawCase(seed);
    it(`${seed}: agrees with the float64 reference on ${JSON.stringify(problem)}`, async () => {
      const { shape, blocks, dtype } = problem;
      const { classes } = ChannelGroups.blocks(blocks);
      const { blockClasses, blockChannels } = ChannelGroups.blocks(blocks).toLists();
      const generator = new Generator(seed + 1000);
      const rows = problem.maskRows === "N" ? shape[0] : 1;
      const mask = ops("mcloss::draw_mask", blockClasses, blockChannels, [], rows, "cpu", {
        generator,
      }) as Tensor;
      const labels = ops("aten::randint.low_generator", 0, classes, [shape[0]], { generator }) as Tensor;
      const x = features(problem, seed);
      const fused = await run("mcloss::mc_loss", x, labels, mask, blocks);
      const exact = await run("mcloss::reference", x.to("float64"), labels, mask, blocks);
      const magnitude = Math.max(WEIGHTS.beta, ...exact.terms.map(Math.abs));
      const accuracy = dtype === "float64" ? 1e-13 : 1e-6;
      fused.terms.forEach((term, i) => expect(term).to.be.closeTo(exact.terms[i]!, accuracy * magnitude));
      // Half types round the gradient itself: a relative step of each element.
      const step = { float64: 1e-9, float32: 1e-4, bfloat16: 2 ** -7, float16: 2 ** -9 }[dtype as "float64"];
      const largest = largestOf(exact.gradient);
      // What rounding leaves of s · (1 − Σs) where that is 0.
      const residue = (1e-6 * WEIGHTS.beta) / (shape[0] * classes);
      const wrong = fused.gradient.filter((value, i) => {
        const expected = exact.gradient[i]!;
        return !(Math.abs(value - expected) <= step * Math.abs(expected) + 1e-5 * largest + residue);
      });
      // Winners that tie but for rounding may differ: both places of such a pair, and the row through its softmax.
      const allowed = dtype === "float64" ? 0 : 0.02 * fused.gradient.length;
      expect(wrong.length).to.be.at.most(allowed);
    });
  }
});

describe("the fused loss", () => {
  const blocks = [{ classes: 40, channels: 3 }];
  const labels = tensor(
    Int32Array.from({ length: 8 }, (_, i) => i * 5),
    { dtype: "int64" },
  );
  const mask = tensor(Uint8Array.from({ length: 120 }, (_, i) => Number(i % 3 !== 1)));
  const x = ops("aten::randn.generator", [8, 120, 14, 14], { generator: new Generator(1) }) as Tensor;

  it("gives the same bits with any number of threads", async () => {
    const before = native().threads();
    const results = [];
    for (const threads of [1, 2, 3, 8]) {
      native().threads(threads);
      results.push(await run("mcloss::mc_loss", x, labels, mask, blocks));
    }
    native().threads(before);
    for (const result of results) expect(result).to.deep.equal(results[0]);
  });

  it("scales its gradient by what comes from above, and adds terms that are used by themselves", async () => {
    const gradient = async (combine: (terms: [Tensor, Tensor, Tensor]) => Tensor) => {
      const leaf = x.detach().withGrad();
      const terms = ops("mcloss::mc_loss", leaf, labels, [40], [3], { ...WEIGHTS, mask }) as [
        Tensor,
        Tensor,
        Tensor,
      ];
      await combine(terms).backward();
      return [...(await leaf.grad!.data())].map(Number);
    };
    const loss = await gradient(([whole]) => whole);
    const double = await gradient(([whole]) => whole.mul(2));
    const parts = await gradient(([whole, dis, div]) => whole.add(dis.mul(1.5)).add(div.mul(20)));
    const largest = largestOf(loss);
    loss.forEach((value, i) => {
      expect(double[i]!).to.be.closeTo(2 * value, 1e-12);
      expect(parts[i]!).to.be.closeTo(2 * value, 1e-6 * largest);
    });
  });

  it("writes no gradient where none is asked for", async () => {
    const quiet = noGrad(() =>
      ops("mcloss::mc_loss", x.detach().withGrad(), labels, [40], [3], { mask }),
    ) as Tensor[];
    expect(quiet.map((term) => term.requiresGrad)).to.deep.equal([false, false, false]);
    expect((await rejected(quiet[0]!.backward())).code).to.equal("ERR_TORCH");
  });

  it("gives NaN for NaN and for infinite features, and keeps other samples' gradients", async () => {
    for (const bad of [NaN, Infinity]) {
      const data = Float32Array.from((await x.data()) as Float32Array);
      data[5] = bad;
      const result = await run("mcloss::mc_loss", tensor(data, { shape: x.shape }), labels, mask, blocks);
      expect(result.terms[2]).to.be.NaN;
      const other = result.gradient.slice(120 * 196);
      expect(other.every((value) => Number.isFinite(value))).to.equal(true);
    }
  });
});
