import { expect } from "chai";
import { ChannelGroups, noGrad, tensor, type Device, type Tensor } from "mutual-channel-loss";
import { type ChannelBlock, type DiversityOver, type Pooling } from "mutual-channel-loss/loss";
import { Generator, ops, type OpArgument } from "mutual-channel-loss/tensor";
import fc from "fast-check";
import { native } from "#lib/native/binding.js";
import { describeOnDevices } from "../support/devices.js";
import { rejected } from "../support/errors.js";
import { maximum } from "#lib/extremes.js";

interface Problem {
  blocks: ChannelBlock[];
  samples: number;
  height: number;
  width: number;
  dtype: "float64" | "float32" | "bfloat16" | "float16";
  layout: "contiguous" | "channelsLast" | "sliced";
  maskPerSample: boolean;
  kind: "normal" | "rectified" | "large";
  pooling: Pooling;
  diversityPooling: Pooling;
  diversityOver: DiversityOver;
  /** Whether samples are of several classes. */
  soft?: boolean;
  seed: number;
}

const problems: fc.Arbitrary<Problem> = fc.record({
  blocks: fc.array(
    fc.record({ classes: fc.integer({ min: 1, max: 6 }), channels: fc.constantFrom(1, 2, 3, 5, 11, 64) }),
    { minLength: 1, maxLength: 3 },
  ),
  samples: fc.integer({ min: 1, max: 5 }),
  height: fc.integer({ min: 1, max: 16 }),
  width: fc.integer({ min: 1, max: 16 }),
  dtype: fc.constantFrom("float64", "float32", "bfloat16", "float16"),
  layout: fc.constantFrom("contiguous", "channelsLast", "sliced"),
  maskPerSample: fc.boolean(),
  kind: fc.constantFrom("normal", "rectified", "large"),
  pooling: fc.constantFrom("max", "max", "mean"),
  diversityPooling: fc.constantFrom("max", "max", "mean"),
  diversityOver: fc.constantFrom("classes", "blocks", "own", "scores"),
  soft: fc.boolean(),
  seed: fc.integer({ min: 0, max: 2 ** 30 }),
});

function features({ blocks, samples, height, width, dtype, layout, kind, seed }: Problem): Tensor {
  const { channels } = ChannelGroups.blocks(blocks);
  const wide = [samples, channels, height, layout === "sliced" ? width + 2 : width];
  const generator = new Generator(seed);
  const drawn = ops("aten::randn.generator", wide, { generator, dtype: "float64" }) as Tensor;
  const scaled = kind === "rectified" ? drawn.relu() : drawn.mul(kind === "large" ? 1e4 : 1);
  const x = layout === "sliced" ? scaled.to(dtype).narrow(3, 1, width) : scaled.to(dtype);
  return layout === "channelsLast"
    ? (ops("aten::contiguous", x, { memory_format: "channelsLast" }) as Tensor)
    : x;
}

function largestOf(values: readonly number[]): number {
  return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}

const WEIGHTS = { alpha: 1.5, beta: 20 };

async function run(
  operator: string,
  x: Tensor,
  labels: Tensor,
  mask: Tensor,
  blocks: ChannelBlock[],
  options: Record<string, OpArgument> = {},
) {
  const leaf = x.detach().withGrad();
  const { blockClasses, blockChannels } = ChannelGroups.blocks(blocks).toLists();
  const terms = ops(operator, leaf, labels, blockClasses, blockChannels, {
    ...WEIGHTS,
    mask,
    ...options,
  }) as [Tensor, Tensor, Tensor];
  await terms[0].backward();
  return { terms: terms.map((term) => term.item()), gradient: [...(await leaf.grad!.data())].map(Number) };
}

async function compareWithReference(problem: Problem, device: Device): Promise<void> {
  const { blocks, samples, dtype } = problem;
  const { classes } = ChannelGroups.blocks(blocks);
  const { blockClasses, blockChannels } = ChannelGroups.blocks(blocks).toLists();
  const generator = new Generator(problem.seed + 1);
  const rows = problem.maskPerSample ? samples : 1;
  const mask = ops("mcloss::draw_mask", blockClasses, blockChannels, [], rows, "cpu", {
    generator,
  }) as Tensor;
  const labels = problem.soft
    ? (ops("aten::rand.generator", [samples, classes], { generator }) as Tensor).mul(4).softmax(1)
    : (ops("aten::randint.low_generator", 0, classes, [samples], { generator }) as Tensor);
  const pooling = {
    pooling: problem.pooling,
    diversity_pooling: problem.diversityPooling,
    diversity_over: problem.diversityOver,
  };
  const x = features(problem);
  const on = (value: Tensor) => value.to(device);
  const fused = await run("mcloss::mc_loss", on(x), on(labels), on(mask), blocks, pooling);
  const exact = await run("mcloss::reference", x.to("float64"), labels, mask, blocks, pooling);
  // The discriminality is a difference of scores, which round as features do.
  const largestFeature = problem.kind === "large" ? 1e4 : 1;
  const magnitude = maximum([WEIGHTS.beta, largestFeature, ...exact.terms.map(Math.abs)]);
  const accuracy = dtype === "float64" ? 1e-13 : 1e-6;
  fused.terms.forEach((term, i) => expect(term).to.be.closeTo(exact.terms[i]!, accuracy * magnitude));
  // Half types round the gradient itself: a relative step of each element.
  const step = { float64: 1e-9, float32: 1e-4, bfloat16: 2 ** -7, float16: 2 ** -9 }[dtype];
  const largest = largestOf(exact.gradient);
  // What rounding leaves of s · (1 − Σs) where that is 0.
  const residue = (1e-6 * WEIGHTS.beta) / (samples * classes);
  const wrong = fused.gradient.filter((value, i) => {
    const expected = exact.gradient[i]!;
    return !(Math.abs(value - expected) <= step * Math.abs(expected) + 1e-5 * largest + residue);
  });
  // Winners that tie but for rounding may differ: both places of such a pair, and the row through its softmax.
  const allowed = dtype === "float64" ? 0 : 0.02 * fused.gradient.length;
  expect(wrong.length, "gradients that differ").to.be.at.most(allowed);
}

describeOnDevices("the fused loss on random problems", (device) => {
  it("agrees with the float64 reference", async () => {
    const property = fc.asyncProperty(problems, (problem) => compareWithReference(problem, device));
    await fc.assert(property, { seed: 20, numRuns: 500 });
  });

  it("takes feature maps of any size", async () => {
    const [blocks, base] = [[{ classes: 2, channels: 3 }], { samples: 1, seed: 5, maskPerSample: false }];
    for (const layout of ["contiguous", "channelsLast"] as const) {
      const problem = {
        ...base,
        blocks,
        layout,
        height: 251,
        width: 253,
        dtype: "float32",
        kind: "normal",
      } as const;
      const loss = { pooling: "max", diversityPooling: "max", diversityOver: "classes" } as const;
      await compareWithReference({ ...problem, ...loss }, device);
    }
  });
});

/** The distance from |value| to the next number of a half type. */
function stepOf(dtype: "float16" | "bfloat16", value: number): number {
  const [digits, least] = dtype === "float16" ? [10, -14] : [7, -126];
  return 2 ** (Math.max(Math.floor(Math.log2(Math.abs(value))), least) - digits);
}

describeOnDevices("the fused loss in half types, whose gradient is scaled before it is rounded", (device) => {
  const groups = ChannelGroups.split(2048, 200);
  const { blockClasses, blockChannels } = groups.toLists();
  const shape = [4, 2048, 14, 14];
  const drawn = ops("aten::randn.generator", shape, { generator: new Generator(3) }) as Tensor;
  const labels = tensor(Int32Array.of(0, 77, 160, 199), { dtype: "int64" });
  const mask = tensor(Uint8Array.from({ length: 2048 }, (_, i) => Number(i % 3 !== 1)));
  // GradScaler's initial scale, and one that is no power of two.
  const scales = [65536, 1 / 3];

  const lossOf = (operator: string, x: Tensor) => {
    const [y, m] = [labels, mask].map((value) => value.to(x.device));
    return (ops(operator, x, y, blockClasses, blockChannels, { ...WEIGHTS, mask: m! }) as [Tensor])[0];
  };

  /** The float64 reference's gradient for features as they are stored. */
  async function exactGradient(x: Tensor): Promise<Float64Array> {
    const leaf = x.to("float64").detach().withGrad();
    await lossOf("mcloss::reference", leaf).backward();
    return (await leaf.grad!.data()) as Float64Array;
  }

  async function halfGradient(x: Tensor, backward: (loss: Tensor) => Promise<void>): Promise<Float64Array> {
    const leaf = x.to(device).detach().withGrad();
    await backward(lossOf("mcloss::mc_loss", leaf));
    expect(leaf.grad!.dtype).to.equal(x.dtype);
    return (await leaf.grad!.to("float64").data()) as Float64Array;
  }

  for (const dtype of ["float16", "bfloat16"] as const) {
    for (const layout of ["contiguous", "channelsLast"] as const) {
      const x = ops("aten::contiguous", drawn.to(dtype), { memory_format: layout }) as Tensor;
      let exact: Float64Array;

      before(async () => {
        exact = await exactGradient(x);
      });

      /** Expects the exact gradient times `scale`, rounded once, but where channels tie but for rounding. */
      const expectRounded = (half: Float64Array, scale: number) => {
        const wrong = half.filter((value, i) => {
          const expected = exact[i]! * scale;
          // What float32 leaves of the arithmetic before the rounding.
          const residue = 1e-5 * Math.abs(expected) + scale * 1e-11;
          return !(Math.abs(value - expected) <= 0.5 * stepOf(dtype, expected) + residue);
        });
        expect(wrong.length).to.be.at.most(1e-3 * half.length);
      };

      it(`${dtype}, ${layout}: rounds the scaled gradient once`, async () => {
        for (const scale of scales) {
          expectRounded(await halfGradient(x, (loss) => loss.mul(scale).backward()), scale);
        }
      });

      it(`${dtype}, ${layout}: the same where the graph is kept, and again`, async () => {
        for (const scale of scales) {
          const once = await halfGradient(x, (loss) => loss.mul(scale).backward({ retainGraph: true }));
          expectRounded(once, scale);
          const twice = await halfGradient(x, async (loss) => {
            const scaled = loss.mul(scale);
            await scaled.backward({ retainGraph: true });
            await scaled.backward();
          });
          // Doubling a half is exact.
          expect(twice).to.deep.equal(once.map((value) => 2 * value));
        }
      });

      it(`${dtype}, ${layout}: the same of a loss that is used twice`, async () => {
        const half = await halfGradient(x, (loss) => loss.mul(65536).add(loss.mul(4096)).backward());
        expectRounded(half, 65536 + 4096);
      });
    }
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
    for (const samples of [2, 8]) {
      for (const layout of ["contiguous", "channelsLast"]) {
        const some = ops("aten::contiguous", x.narrow(0, 0, samples), { memory_format: layout }) as Tensor;
        const results = [];
        for (const threads of [1, 2, 3, 8]) {
          native().threads(threads);
          results.push(await run("mcloss::mc_loss", some, labels.narrow(0, 0, samples), mask, blocks));
        }
        for (const result of results) expect(result).to.deep.equal(results[0]);
      }
    }
    native().threads(before);
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
    const difference = (other: number[]) => largestOf(other.map((value, i) => value - 2 * loss[i]!));
    expect(difference(double)).to.be.at.most(1e-12);
    expect(difference(parts)).to.be.at.most(1e-6 * largestOf(loss));
  });

  it("hands its gradient out again, unscaled, where the graph is kept", async () => {
    const leaf = x.detach().withGrad();
    const [loss] = ops("mcloss::mc_loss", leaf, labels, [40], [3], { mask }) as [Tensor];
    await loss.backward();
    const once = [...(await leaf.grad!.data())].map(Number);
    const again = x.detach().withGrad();
    const [other] = ops("mcloss::mc_loss", again, labels, [40], [3], { mask }) as [Tensor];
    const scaled = other.mul(2);
    await scaled.backward({ retainGraph: true });
    await scaled.backward();
    const sum = [...(await again.grad!.data())].map(Number);
    expect(largestOf(sum.map((value, i) => value - 4 * once[i]!))).to.be.at.most(1e-12);
  });

  it("writes no gradient where none is asked for", async () => {
    const quiet = noGrad(() =>
      ops("mcloss::mc_loss", x.detach().withGrad(), labels, [40], [3], { mask }),
    ) as Tensor[];
    expect(quiet.map((term) => term.requiresGrad)).to.deep.equal([false, false, false]);
    expect((await rejected(quiet[0]!.backward())).code).to.equal("ERR_TORCH");
  });

  it("takes the largest numbers there are as the reference form does", async () => {
    const most = 3.4e38;
    const values = Float32Array.of(most, -most, most, 0, -most, -most, 1, most);
    const huge = tensor(values, { shape: [2, 4, 1, 1] });
    const two = tensor(Int32Array.of(0, 1), { dtype: "int64" });
    const all = tensor(Uint8Array.of(1, 1, 0, 1));
    const pairs = [{ classes: 2, channels: 2 }];
    const fused = await run("mcloss::mc_loss", huge, two, all, pairs);
    const reference = await run("mcloss::reference", huge, two, all, pairs);
    expect(fused).to.deep.equal(reference);
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
