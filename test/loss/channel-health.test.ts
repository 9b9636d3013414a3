import { expect } from "chai";
import { ChannelGroups, tensor, type Dtype } from "mutual-channel-loss";
import { ChannelHealthTally } from "mutual-channel-loss/loss";
import { maximum } from "#lib/extremes.js";
import { expectedModeCount } from "#lib/loss/expected-mode.js";
import { caught } from "../support/errors.js";

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
  const owners = classes.flatMap((k) => channelsOf(k).map((j) => ({ j, k })));
  const habitOf = (seen: (k: number) => number[]) => {
    const most = owners.map(({ j, k }) =>
      sum(seen(k).length > 0 ? [modeCount(seen(k).map((n) => map(n, j)))] : []),
    );
    return sum(most) / sum(owners.map(({ k }) => seen(k).length));
  };
  const chanceOf = (seen: (k: number) => number[]) =>
    sum(owners.map(({ k }) => expectedMode(seen(k).length, P))) / sum(owners.map(({ k }) => seen(k).length));
  const ofClass = (k: number) => all.filter((n) => LABELS[n] === k);
  return {
    diversity: mean(diversity),
    iou: mean(overlaps.filter((each) => each.length > 0).map(mean)),
    cosine: mean(cosines),
    alignment: mean(live),
    habit: habitOf(() => all),
    ownHabit: habitOf(ofClass) || 0,
    dead: shares.length - live.length,
    chance: {
      alignment: mean(
        owners.flatMap(({ k }, i) => (Number.isNaN(shares[i]) ? [] : [ofClass(k).length / all.length])),
      ),
      habit: chanceOf(() => all),
      ownHabit: chanceOf(ofClass) || 0,
    },
  };
}

/** How many of the maps have the place as their strongest that most of them have. */
function modeCount(maps: Maps): number {
  const places = maps.map((values) => values.indexOf(maximum(values)));
  return maximum(places.map((place) => places.filter((other) => other === place).length));
}

/** The mean count of the most frequent place, by counting sequences of `draws` places in which none comes too often. */
function expectedMode(draws: number, places: number): number {
  const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k);
  const sequences = (most: number) => {
    let ways: number[] = Array.from({ length: draws + 1 }, (_, n) => (n === 0 ? 1 : 0));
    for (let place = 0; place < places; place += 1) {
      ways = ways.map((_, n) =>
        sum(Array.from({ length: Math.min(most, n) + 1 }, (_, i) => choose(n, i) * ways[n - i]!)),
      );
    }
    return ways[draws]!;
  };
  return sum(Array.from({ length: draws }, (_, most) => 1 - sequences(most) / places ** draws));
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

const FIGURES = ["diversity", "iou", "cosine", "alignment", "habit", "ownHabit", "dead"] as const;
/** Of which the chance is known exactly. */
const CHANCES = ["alignment", "habit", "ownHabit"] as const;

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
      for (const figure of CHANCES)
        expect(overall.chance[figure], figure).to.be.closeTo(wanted.chance[figure], 1e-6);
      for (const [k, health] of perClass.entries()) {
        const expected = reference(data, [k]);
        for (const figure of FIGURES) {
          expect(health[figure], `${figure} of class ${k}`).to.be.closeTo(expected[figure], tolerance);
        }
        for (const figure of CHANCES) {
          const what = `chance of ${figure} of class ${k}`;
          expect(health.chance[figure], what).to.be.closeTo(expected.chance[figure], 1e-6);
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
    for (const figure of ["diversity", "iou", "cosine", ...CHANCES] as const)
      expect(one.overall.chance[figure], figure).to.be.closeTo(many.overall.chance[figure], 1e-12);
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
    const nothing = { diversity: 0, iou: 0, cosine: 0, alignment: 0, habit: 0, ownHabit: 0 };
    expect(overall).to.deep.equal({ ...nothing, dead: 11, chance: nothing });
  });

  it("needs features of the groups' channels, one image a label", () => {
    using tally = new ChannelHealthTally(groups);
    using features = tensor(new Float32Array(24), { shape: [2, 3, 2, 2] });
    expect(caught(() => tally.add(features, [0, 0]))).to.include({ code: "ERR_SHAPE", argument: "features" });
  });

  it("needs the same places in every batch", () => {
    using tally = new ChannelHealthTally(ChannelGroups.uniform(2, 1));
    using small = tensor(new Float32Array(8), { shape: [1, 2, 2, 2] });
    using large = tensor(new Float32Array(18), { shape: [1, 2, 3, 3] });
    tally.add(small, [0]);
    expect(caught(() => tally.add(large, [1]))).to.include({ code: "ERR_SHAPE", argument: "features" });
  });
});

/** Maps that are 1 at one place and 0 elsewhere; null is 0 everywhere. [image][channel] */
async function healthOfPeaks(
  peaks: readonly (readonly (number | null)[])[],
  labels: readonly number[],
  channelsPerClass: number,
  [height, width]: readonly [number, number],
) {
  const channels = peaks[0]!.length;
  const maps = peaks.flatMap((image) =>
    image.flatMap((peak) => Array.from({ length: height * width }, (_, p) => (p === peak ? 1 : 0))),
  );
  using tally = new ChannelHealthTally(ChannelGroups.uniform(channels / channelsPerClass, channelsPerClass));
  using features = tensor(maps, { shape: [peaks.length, channels, height, width] });
  tally.add(features, labels);
  return await tally.result();
}

describe("a channel's habit", () => {
  it("is the share of images in which it is strongest where it mostly is, of all and of its class", async () => {
    const peaks = [
      [0, 3],
      [0, 2],
      [1, 2],
      [0, 1],
    ];
    const { overall, perClass } = await healthOfPeaks(peaks, [0, 0, 0, 1], 1, [2, 2]);
    // Channel 0: place 0 in 3 of 4, in 2 of the 3 of its class. Channel 1: place 2 in 2 of 4, and in its one.
    expect(overall.habit).to.equal(5 / 8);
    expect(overall.ownHabit).to.equal(3 / 4);
    expect(perClass.map(({ habit }) => habit)).to.deep.equal([3 / 4, 1 / 2]);
    expect(perClass.map(({ ownHabit }) => ownHabit)).to.deep.equal([2 / 3, 1]);
    // Of 4⁴ = 256 ways 4 have the same place four times, 48 three, 180 twice, 24 once.
    expect(overall.chance.habit).to.be.closeTo((4 * 4 + 48 * 3 + 180 * 2 + 24) / 256 / 4, 1e-9);
    // Of 4³ = 64 ways 4, 36 and 24; and 1 of 1.
    expect(overall.chance.ownHabit).to.be.closeTo(((4 * 3 + 36 * 2 + 24) / 64 + 1) / 4, 1e-9);
  });

  it("leaves out images on which the channel is nowhere stronger than elsewhere", async () => {
    const peaks = [[3], [null], [3], [1], [null]];
    const { overall } = await healthOfPeaks(peaks, [0, 0, 0, 0, 0], 1, [2, 2]);
    expect(overall).to.include({ habit: 2 / 3, ownHabit: 2 / 3 });
    expect(overall.chance.habit).to.be.closeTo((4 * 3 + 36 * 2 + 24) / 64 / 3, 1e-9);
    const silent = await healthOfPeaks([[null], [null]], [0, 0], 1, [2, 2]);
    expect(silent.overall).to.include({ habit: 0, ownHabit: 0 });
  });

  it("is 1 of channels that keep to their places, whatever the image, and then diversity is no more than chance", async () => {
    const peaks = Array.from({ length: 200 }, () => [0, 7, 50, 99, 12, 31]);
    const labels = peaks.map((_, n) => n % 2);
    const { overall } = await healthOfPeaks(peaks, labels, 3, [10, 10]);
    expect(overall).to.include({ habit: 1, ownHabit: 1 });
    expect(overall.chance.habit).to.be.below(0.04);
    expect(overall.diversity - overall.chance.diversity).to.be.closeTo(0, 0.01);
  });

  it("is near chance of channels that are strongest anywhere", async () => {
    const anywhere = (n: number, j: number) =>
      Math.floor(100 * ((((n + 1) * (j + 3) * 0.6180339887) % 1) + 0));
    const peaks = Array.from({ length: 300 }, (_, n) => Array.from({ length: 6 }, (_, j) => anywhere(n, j)));
    const { overall } = await healthOfPeaks(
      peaks,
      peaks.map((_, n) => n % 2),
      3,
      [10, 10],
    );
    expect(overall.habit).to.be.below(overall.chance.habit);
    expect(overall.ownHabit).to.be.below(overall.chance.ownHabit * 1.5);
  });
});

describe("what channel health is by chance", () => {
  it("is of maps that are each moved to a place of its own", async () => {
    const peaks = Array.from({ length: 2000 }, () => [4, 4]);
    const { overall } = await healthOfPeaks(
      peaks,
      peaks.map(() => 0),
      2,
      [3, 3],
    );
    expect(overall.iou).to.equal(1);
    expect(overall.chance.iou).to.be.closeTo(1 / 9, 0.02);
    // A softmax is e/(e + 8) at its peak and 1/(e + 8) elsewhere.
    const [peak, rest] = [Math.E / (Math.E + 8), 1 / (Math.E + 8)];
    const apart = (2 * peak * rest + 7 * rest * rest) / (peak * peak + 8 * rest * rest);
    expect(overall.chance.cosine).to.be.closeTo(1 / 9 + (8 / 9) * apart, 0.01);
    expect(overall.chance.diversity).to.be.closeTo(
      ((1 / 9) * 1 + (8 / 9) * (2 * peak + 7 * rest)) / 2,
      0.005,
    );
  });

  it("is what flat maps have anyway", async () => {
    const { overall } = await healthOfPeaks([[null, null, null]], [0], 3, [4, 4]);
    expect(overall.chance.diversity).to.be.closeTo(1 / 3, 1e-6);
    expect(overall.chance.cosine).to.be.closeTo(1, 1e-6);
  });
});

describe("the count of the most frequent of places drawn alike", () => {
  it("has the mean that counting all sequences gives", () => {
    for (const [draws, places] of [
      [0, 5],
      [1, 7],
      [2, 2],
      [3, 2],
      [9, 1],
      [10, 2],
      [7, 12],
      [12, 12],
      [30, 100],
    ] as const) {
      const what = `${draws} draws of ${places}`;
      expect(expectedModeCount(draws, places), what).to.be.closeTo(expectedMode(draws, places), 1e-6);
    }
  });

  it("comes near draws/places as draws get many, quickly", () => {
    // Simulated: 1.0802 % with a standard error below 0.001 %.
    expect(expectedModeCount(100_000, 100) / 100_000).to.be.closeTo(0.0108, 0.0001);
  });
});
