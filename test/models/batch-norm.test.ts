import { expect } from "chai";
import { Model, tensor, type ModelSpec, type Tensor } from "mutual-channel-loss";
import { maximum, minimum } from "#lib/extremes.js";
import type { LayerSpec } from "mutual-channel-loss/models";
import { grad, ops } from "mutual-channel-loss/tensor";
import { caught } from "../support/errors.js";
import { gradientError } from "../support/gradcheck.js";
import { values } from "../support/values.js";

const SHAPE = [2, 3, 2, 3] as const;
const COUNT = SHAPE.reduce((product, side) => product * side, 1);
/** Numbers that are nowhere as near a bound as the steps of differences. */
const numbers = (count: number, seed: number) =>
  Array.from({ length: count }, (_, i) => 2 * Math.sin(12.9898 * (i + 1) + seed));

const doubles = (array: readonly number[], shape: readonly number[] = [array.length]) =>
  tensor(Float64Array.from(array), { shape });
const channelsLast = (x: Tensor) => ops("aten::contiguous", x, { memory_format: "channelsLast" }) as Tensor;

interface Parts {
  x: Tensor;
  weight: Tensor;
  bias: Tensor;
  other?: Tensor;
}

function parts(): Required<Parts> {
  return {
    x: channelsLast(doubles(numbers(COUNT, 1), SHAPE)),
    weight: doubles([0.5, -1.5, 2]),
    bias: doubles([0.1, 0.2, -0.3]),
    other: channelsLast(doubles(numbers(COUNT, 2), SHAPE)),
  };
}

const running = () => [doubles([1, 2, 3]), doubles([4, 5, 6])] as const;

type Bounds = readonly [low: number, high: number];
const BOUNDS: readonly Bounds[] = [
  [-Infinity, Infinity],
  [0, Infinity],
  [0, 0.9],
];

function fused({ x, weight, bias, other }: Parts, [low, high]: Bounds, [mean, variance] = running()): Tensor {
  const images = channelsLast(x);
  const added = other ? channelsLast(other) : null;
  return ops(
    "mcloss::batch_norm",
    images,
    added,
    weight,
    bias,
    mean,
    variance,
    0.1,
    1e-5,
    low,
    high,
  ) as Tensor;
}

function separate(
  { x, weight, bias, other }: Parts,
  [low, high]: Bounds,
  [mean, variance] = running(),
): Tensor {
  const y = ops("aten::batch_norm", x, weight, bias, mean, variance, true, 0.1, 1e-5, true) as Tensor;
  const sum = other ? y.add(other) : y;
  return low === -Infinity ? sum : (ops("aten::hardtanh", sum, low, high) as Tensor);
}

async function furthest(a: Tensor, b: Tensor): Promise<number> {
  return maximum(await values(a.detach().sub(b.detach()).abs()));
}

describe("mcloss::batch_norm", () => {
  const weights = doubles(numbers(COUNT, 3), SHAPE);

  for (const bounds of BOUNDS) {
    for (const adds of [false, true]) {
      const given = (): Parts => {
        const { other, ...rest } = parts();
        return adds ? { ...rest, other } : rest;
      };
      const what = `held between ${bounds.join(" and ")}${adds ? ", of a sum" : ""}`;

      it(`has the derivatives of finite differences (1e-7), ${what}`, async () => {
        const start = given();
        for (const name of Object.keys(start) as (keyof Parts)[]) {
          const leafless = start[name];
          if (!leafless) continue;
          const error = await gradientError(
            (leaf) => fused({ ...given(), [name]: leaf }, bounds).mul(weights),
            await values(leafless),
            leafless.shape,
          );
          expect(error, name).to.be.below(1e-7);
        }
      });

      it(`is what the separate operators give (1e-12), second derivatives too, ${what}`, async () => {
        const run = async (form: typeof fused) => {
          const leaves = Object.fromEntries(
            Object.entries(given() as unknown as Record<string, Tensor>).map(([name, each]) => [
              name,
              each.detach().withGrad(),
            ]),
          ) as unknown as Parts;
          const moved = running();
          const y = form(leaves, bounds, moved);
          const all = Object.values(leaves) as Tensor[];
          const first = await grad(y.mul(weights).sum(), all, { retainGraph: true });
          const again = await grad(y.mul(weights).sum(), all, { createGraph: true });
          const second = await grad(again[0]!.square().sum(), [leaves.x, leaves.weight]);
          return [y, ...moved, ...first, ...again, ...second];
        };
        const [own, wanted] = [await run(fused), await run(separate)];
        expect(own.length).to.equal(wanted.length);
        for (const [i, each] of own.entries()) {
          expect(await furthest(each!, wanted[i]!), String(i)).to.be.below(1e-12);
        }
      });
    }
  }

  it("keeps NaN", async () => {
    const given = parts();
    const x = channelsLast(doubles([NaN, ...numbers(COUNT - 1, 1)], SHAPE));
    const y = await values(fused({ ...given, x }, [0, 6]));
    expect(y.filter(Number.isNaN)).to.have.length(SHAPE[0] * SHAPE[2] * SHAPE[3]);
  });

  it("refuses what it does not take, with what it does", () => {
    const given = parts();
    const [mean, variance] = running();
    const call = (x: Tensor) =>
      ops("mcloss::batch_norm", x, null, given.weight, given.bias, mean, variance, 0.1, 1e-5, 0, 6);
    expect(caught(() => call(given.x.to("float32"))).message).to.match(/all in float64; got/);
    expect(caught(() => call(doubles(numbers(COUNT, 1), SHAPE))).message).to.match(/channels_last/);
    const one = channelsLast(doubles([1, 2, 3], [1, 3, 1, 1]));
    expect(caught(() => call(one)).message).to.match(/more than one value per channel/);
  });
});

describe("batch normalisation in a network", () => {
  const block = (outChannels: number, activation: "relu" | "relu6" | "silu"): LayerSpec[] => [
    { type: "conv2d", inChannels: 24, outChannels, kernelSize: 3, padding: 1, bias: false },
    { type: "batchNorm2d", name: `bn_${activation}`, features: outChannels },
    { type: activation },
  ];
  const spec: ModelSpec = {
    format: 1,
    name: "normalised",
    input: { channels: 24, height: 9, width: 9 },
    classes: 24,
    groups: [{ classes: 24, channels: 1 }],
    layers: [
      ...block(24, "relu6"),
      ...block(24, "silu"),
      {
        type: "residual",
        name: "block",
        layers: [
          ...block(24, "relu"),
          { type: "conv2d", inChannels: 24, outChannels: 24, kernelSize: 1 },
          { type: "batchNorm2d", name: "last", features: 24 },
        ],
      },
      { type: "adaptiveAvgPool2d", outputSize: 1 },
      { type: "flatten" },
    ],
    features: "block",
  };
  const NORMS = ["bn_relu6", "bn_silu", "block.bn_relu", "block.last"];
  const images = tensor(Float32Array.from(numbers(4 * 24 * 81, 5)), { shape: [4, 24, 9, 9] });
  const weights = tensor(Float32Array.from(numbers(4 * 24 * 81, 6)), { shape: [4, 24, 9, 9] });

  /** The features, gradients and buffers after one pass. What a tap wants to see is computed by itself. */
  async function pass(taps: string[], options: { precision?: "bfloat16" } = {}) {
    const model = new Model(spec, { seed: 3 });
    const { precision = "float32" } = options;
    const { features } = await model.forward(images, { training: true, taps, precision });
    await features.to("float32").mul(weights).sum().backward();
    const gradients = model.parameters().map((each) => each.grad!.detach());
    const state = model.state().map(({ tensor: each }) => each.detach());
    return [features.detach().to("float32"), ...gradients, ...state];
  }

  /** Of each tensor the largest number by which they differ, and the mean one, as parts of the largest in `wanted`. */
  async function errors(found: readonly Tensor[], wanted: readonly Tensor[]) {
    const all: { most: number; mean: number }[] = [];
    for (const [i, each] of found.entries()) {
      const expected = await values(wanted[i]!.to("float32"));
      const off = (await values(each.to("float32"))).map((value, j) => Math.abs(value - expected[j]!));
      const scale = 1 + maximum(expected.map(Math.abs));
      const mean = off.reduce((sum, value) => sum + value, 0) / off.length;
      all.push({ most: maximum(off) / scale, mean: mean / scale });
    }
    return all;
  }

  it("gives what its parts give one by one (float32, 2e-5)", async () => {
    const found = await errors(await pass([]), await pass(NORMS));
    expect(maximum(found.map(({ most }) => most))).to.be.below(2e-5);
  });

  it("is as near float32 in bfloat16 as its parts one by one", async () => {
    const precision = "bfloat16" as const;
    const exact = await pass([]);
    const sum = (found: { mean: number }[]) => found.reduce((all, { mean }) => all + mean, 0);
    const together = sum(await errors(await pass([], { precision }), exact));
    const apart = sum(await errors(await pass(NORMS, { precision }), exact));
    expect(together).to.be.below(1.1 * apart);
    expect(together).to.be.above(0);
  });

  it("repeats to the bit", async () => {
    const once = await pass([]);
    for (const [i, each] of (await pass([])).entries()) {
      expect(await values(each)).to.deep.equal(await values(once[i]));
    }
  });

  it("gives a tapped normalisation's own output, before what comes after it", async () => {
    const model = new Model(spec, { seed: 3 });
    const { taps } = await model.forward(images, { training: true, taps: ["block.last"] });
    expect(minimum(await values(taps["block.last"].detach()))).to.be.below(0);
  });
});
