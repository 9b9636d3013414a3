import { expect } from "chai";
import { ChannelGroups, ChannelHealthTally, tensor, type Dtype } from "mutual-channel-loss";
import { caught } from "../support/errors.js";
import { maximum } from "#lib/extremes.js";

const H = 3;
const W = 4;
const P = H * W;

/** Blocks with ξ of 3, 1 and 2: five classes, eleven channels. */
const groups = ChannelGroups.blocks([
  { classes: 2, channels: 3 },
  { classes: 1, channels: 1 },
  { classes: 2, channels: 2 },
]);
const DEAD = 4;
const LABELS = [0, 1, 2, 3, 0, 1, 3];

/** Numbers from −1 to 2, by a formula; one channel is never above 0, and class 4 has no image. */
function features(): Float64Array {
  const data = new Float64Array(LABELS.length * groups.channels * P);
  return data.map((_, i) => {
    const channel = Math.floor(i / P) % groups.channels;
    const value = 0.5 + 1.5 * Math.sin(12.9898 * i + 78.233 * channel * channel);
    return channel === DEAD ? -Math.abs(value) : value;
  });
}

type Maps = readonly (readonly number[])[];

const mean = (values: readonly number[]) =>
  values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : 0;
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const positive = (values: readonly number[]) => values.map((value) => Math.max(0, value));

function softmax(values: readonly number[]): number[] {
  const exponentials = values.map((value) => Math.exp(value - maximum(values)));
  return exponentials.map((value) => value / sum(exponentials));
}

function pairs(maps: Maps): [readonly number[], readonly number[]][] {
  return maps.flatMap((a, i) => maps.slice(i + 1).map((b): [readonly number[], readonly number[]] => [a, b]));
}

function iou(a: readonly number[], b: readonly number[]): number[] {
  const covers = (map: readonly number[]) => map.map((value) => value > 0 && value >= 0.2 * maximum(map));
  const [inA, inB] = [covers(a), covers(b)];
  const union = inA.filter((covered, p) => covered || inB[p]).length;
  return union > 0 ? [inA.filter((covered, p) => covered && inB[p]).length / union] : [];
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]) => sum(x.map((value, p) => value * y[p]!));
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** The definitions, straight away. */
function reference(data: Float64Array, classes: readonly number[]) {
  const map = (n: number, j: number) => [
    ...data.subarray((n * groups.channels + j) * P, (n * groups.channels + j + 1) * P),
  ];
  const all = [...LABELS.keys()];
  const channelsOf = (k: number) => {
    const { start, count } = groups.channelsOf(k);
    return Array.from({ length: count }, (_, i) => start + i);
  };
  const diversity = classes.flatMap((k) =>
    all.map((n) => {
      const attention = channelsOf(k).map((j) => softmax(map(n, j)));
      const best = Array.from({ length: P }, (_, p) => maximum(attention.map((row) => row[p]!)));
      return sum(best) / attention.length;
    }),
  );
  const own = all.filter((n) => classes.includes(LABELS[n]!) && channelsOf(LABELS[n]!).length > 1);
  const overlaps = own.map((n) =>
    pairs(channelsOf(LABELS[n]!).map((j) => map(n, j))).flatMap(([a, b]) => iou(a, b)),
  );
  const cosines = own.map((n) =>
    mean(pairs(channelsOf(LABELS[n]!).map((j) => softmax(map(n, j)))).map(([a, b]) => cosine(a, b))),
  );
  const shares = classes.flatMap((k) =>
    channelsOf(k).map((j) => {
      const activation = all.map((n) => sum(positive(map(n, j))));
      return sum(activation.filter((_, n) => LABELS[n] === k)) / sum(activation);
    }),
  );
  const live = shares.filter((share) => !Number.isNaN(share));
  return {
    diversity: mean(diversity),
    iou: mean(overlaps.filter((each) => each.length > 0).map(mean)),
    cosine: mean(cosines),
    alignment: mean(live),
    dead: shares.length - live.length,
  };
}

async function measure(data: Float64Array, dtype: Dtype, batches: readonly number[]) {
  using tally = new ChannelHealthTally(groups);
  let start = 0;
  for (const size of batches) {
    const part = data.slice(start * groups.channels * P, (start + size) * groups.channels * P);
    using batch = tensor(part, { shape: [size, groups.channels, H, W], dtype });
    tally.add(batch, LABELS.slice(start, start + size));
    start += size;
  }
  return await tally.result();
}

const FIGURES = ["diversity", "iou", "cosine", "alignment", "dead"] as const;

describe("channel health", () => {
  for (const [dtype, tolerance] of [
    ["float64", 1e-12],
    ["float32", 1e-6],
  ] as const) {
    it(`is what its definitions say, over blocks of different ξ (${dtype})`, async () => {
      const data = features();
      const { overall, perClass } = await measure(data, dtype, [3, 4]);
      const wanted = reference(data, [0, 1, 2, 3, 4]);
      for (const figure of FIGURES) expect(overall[figure], figure).to.be.closeTo(wanted[figure], tolerance);
      for (const [k, health] of perClass.entries()) {
        const expected = reference(data, [k]);
        for (const figure of FIGURES) {
          expect(health[figure], `${figure} of class ${k}`).to.be.closeTo(expected[figure], tolerance);
        }
      }
      expect(overall.dead).to.equal(1);
      expect(perClass.map(({ images, channels, dead }) => [images, channels, dead])).to.deep.equal([
        [2, 3, 0],
        [2, 3, 1],
        [1, 1, 0],
        [2, 2, 0],
        [0, 2, 0],
      ]);
    });
  }

  it("does not depend on how images are put into batches", async () => {
    const [one, many] = [
      await measure(features(), "float64", [7]),
      await measure(features(), "float64", [1, 1, 5]),
    ];
    for (const figure of FIGURES) expect(one.overall[figure]).to.be.closeTo(many.overall[figure], 1e-12);
  });

  it("tells channels that share the places from channels that share a place", async () => {
    const two = ChannelGroups.uniform(1, 2);
    const peak = (...places: number[]) =>
      places.flatMap((place) => Array.from({ length: P }, (_, p) => (p === place ? 100 : 0)));
    const health = async (data: number[]) => {
      using tally = new ChannelHealthTally(two);
      using features = tensor(data, { shape: [1, 2, H, W] });
      tally.add(features, [0]);
      return (await tally.result()).overall;
    };
    const apart = await health(peak(0, 5));
    expect(apart).to.include({ iou: 0, alignment: 1, dead: 0 });
    expect(apart.diversity).to.be.closeTo(1, 1e-6);
    expect(apart.cosine).to.be.closeTo(0, 1e-6);
    const same = await health(peak(5, 5));
    expect(same.diversity).to.be.closeTo(0.5, 1e-6);
    expect(same).to.include({ iou: 1 });
    expect(same.cosine).to.be.closeTo(1, 1e-6);
  });

  it("is 0 before the first batch, and for what does not occur", async () => {
    using tally = new ChannelHealthTally(groups);
    const { overall } = await tally.result();
    expect(overall).to.deep.equal({ diversity: 0, iou: 0, cosine: 0, alignment: 0, dead: 11 });
  });

  it("needs features of the groups' channels, one image a label", () => {
    using tally = new ChannelHealthTally(groups);
    using features = tensor(new Float32Array(24), { shape: [2, 3, 2, 2] });
    expect(caught(() => tally.add(features, [0, 0]))).to.include({ code: "ERR_SHAPE", argument: "features" });
  });
});
