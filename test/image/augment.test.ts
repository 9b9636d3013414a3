import { expect } from "chai";
import { compose } from "#lib/image/augmentation.js";
import { eighthsFor } from "#lib/image/decode.js";
import { buildPipeline } from "#lib/image/pipeline.js";
import { drawSample } from "#lib/image/plan.js";
import { randomAt, shuffled } from "#lib/image/random.js";
import { type TransformSpec } from "mutual-channel-loss";
import {
  colorMatrix,
  normalize,
  randomAffine,
  randomCrop,
  randomErasing,
  randomGrayscale,
  randomHorizontalFlip,
  randomResizedCrop,
  resize,
} from "mutual-channel-loss/data";
import { caught } from "../support/errors.js";

const IDENTITY = [1, 0, 0, 0, 1, 0];
const HEADER = { height: 60, width: 90, format: "png" as const, orientation: 1 };

describe("drawSample()", () => {
  const draw = (transforms: TransformSpec[], seed = 0, size = { height: 8, width: 16 }) =>
    drawSample(buildPipeline([resize(size), ...transforms, normalize()]), randomAt(seed)).augmentation;
  const drawMany = (transform: TransformSpec) =>
    Array.from({ length: 200 }, (_, seed) => draw([transform], seed));
  const expectClose = (actual: readonly number[], expected: readonly number[]) => {
    expect(actual).to.have.length(expected.length);
    actual.forEach((value, i) => expect(value).to.be.closeTo(expected[i]!, 1e-6));
  };

  it("changes nothing without random transforms, or with ones of no strength", () => {
    for (const transforms of [[], [randomAffine({}), randomCrop({ padding: 0 }), colorMatrix({})]]) {
      const { theta, color, contrast } = draw(transforms);
      expectClose(theta, IDENTITY);
      expect(contrast).to.equal(1);
      // Rows map grey to grey, and colours to themselves.
      [0, 4, 8].forEach((diagonal) => expect(color[diagonal]).to.be.closeTo(1, 1e-3));
    }
  });

  it("mirrors left and right by [-1 0 0; 0 1 0]", () => {
    expect(draw([randomHorizontalFlip(1)]).theta).to.deep.equal([-1, 0, 0, 0, 1, 0]);
    expect(draw([randomHorizontalFlip(0)]).theta).to.deep.equal(IDENTITY);
    const flips = drawMany(randomHorizontalFlip()).filter(({ theta }) => theta[0] === -1).length;
    expect(flips).to.be.within(70, 130);
  });

  it("shifts a padded crop by whole pixels up to the padding, as a window and as a matrix", () => {
    const drawn = drawMany(randomCrop({ padding: 2 }));
    for (const axis of ["left", "top"] as const) {
      const found = new Set(drawn.map((augmentation) => augmentation[axis]));
      expect([...found].sort((a, b) => a - b)).to.deep.equal([-2, -1, 0, 1, 2]);
    }
    for (const { left, top, theta } of drawn)
      expectClose(theta, [1, 0, (2 * left) / 16, 0, 1, (2 * top) / 8]);
  });

  it("follows crops and flips in either order to the same pixels", () => {
    const before = { height: 8, width: 16 };
    const windowOf = (transforms: TransformSpec[]) => {
      const pipeline = buildPipeline([resize(before), ...transforms, normalize()], { cached: true });
      return drawSample(pipeline, randomAt(5)).augmentation;
    };
    const { left } = windowOf([randomCrop(4)]);
    // A crop of the mirror image lies on the other side.
    const mirrored = windowOf([randomHorizontalFlip(1), randomCrop(4)]);
    expect(mirrored.flipped).to.equal(true);
    expect(windowOf([randomCrop(4), randomHorizontalFlip(1)])).to.include({ left, flipped: true });
    expect(mirrored.left).to.be.within(0, 12);
  });

  it("draws parts of the image within the given area and ratio", () => {
    const pipeline = buildPipeline([
      randomResizedCrop(8, { scale: [0.2, 0.5], ratio: [0.5, 2] }),
      normalize(),
    ]);
    for (let seed = 0; seed < 200; seed += 1) {
      const { decode } = drawSample(pipeline, randomAt(seed), HEADER);
      const { top, left, height, width } = decode.region!;
      expect((height * width) / 5400).to.be.within(0.18, 0.52);
      expect(width / height).to.be.within(0.48, 2.1);
      expect(top).to.be.within(0, 60 - height);
      expect(left).to.be.within(0, 90 - width);
      expect(decode).to.deep.include({ resized: { height: 8, width: 8 }, fixed: false });
    }
    const impossible = buildPipeline([
      randomResizedCrop(8, { scale: [1, 1], ratio: [0.1, 0.1] }),
      normalize(),
    ]);
    const { decode } = drawSample(impossible, randomAt(0), HEADER);
    expect(decode.region).to.deep.equal({ top: 0, left: 42, height: 60, width: 6 });
  });

  it("has a part of a JPEG that is made much smaller decoded smaller, with twice the pixels wanted at least", () => {
    const pipeline = buildPipeline([randomResizedCrop(8), normalize()]);
    for (let seed = 0; seed < 50; seed += 1) {
      const header = { height: 1200, width: 1600, format: "jpeg" as const, orientation: 1 };
      const { decode } = drawSample(pipeline, randomAt(seed), header);
      const { height, width } = decode.region!;
      const factor = Math.min(height, width) / 8;
      const left = (factor * eighthsFor(decode, header)) / 8;
      expect(left).to.be.at.least(Math.min(2, factor));
      expect(left < 4 || eighthsFor(decode, header) === 1).to.equal(true);
    }
  });

  it("erases rectangles within the given area and ratio, at the given rate", () => {
    const erasing = randomErasing({ probability: 0.25, scale: [0.1, 0.2], ratio: [0.5, 2] });
    const size = { height: 64, width: 80 };
    const drawn = Array.from({ length: 400 }, (_, seed) => draw([erasing], seed, size).erased);
    const boxes = drawn.filter((box) => box !== undefined);
    expect(boxes.length).to.be.within(70, 130);
    for (const { top, left, height, width } of boxes) {
      expect((height * width) / 5120).to.be.within(0.09, 0.21);
      expect(height / width).to.be.within(0.48, 2.1);
      expect(top + height).to.be.at.most(64);
      expect(left + width).to.be.at.most(80);
    }
  });

  it("refuses a crop that is larger than the image", () => {
    const pipeline = buildPipeline([randomCrop(64), normalize()]);
    const error = caught(() => drawSample(pipeline, randomAt(0), HEADER));
    expect(error.code).to.equal("ERR_IMAGE");
    expect(error.message)
      .to.match(/90 × 60/)
      .and.match(/64 × 64/);
  });

  it("turns by an angle in pixels, also where images are not square", () => {
    for (const { theta } of drawMany(randomAffine({ degrees: 30 }))) {
      const [xx, xy, , yx, yy] = theta;
      // In pixels the matrix is [xx, xy·W/H; yx·H/W, yy], a rotation by at most 30°.
      expect(xx).to.be.closeTo(yy, 1e-9);
      expect(xy * 2).to.be.closeTo(-yx / 2, 1e-9);
      expect(xx * yy - xy * yx).to.be.closeTo(1, 1e-9);
      expect(xx).to.be.at.least(Math.cos(Math.PI / 6) - 1e-9);
    }
  });

  it("scales, stretches, shears and shifts within the given limits", () => {
    for (const { theta } of drawMany(randomAffine({ scale: [0.5, 2] }))) {
      expect(theta[0]).to.be.within(0.5, 2);
      expect(theta[4]).to.be.closeTo(theta[0], 1e-9);
    }
    for (const { theta } of drawMany(randomAffine({ aspect: 0.1 }))) {
      expect(theta[0] * theta[4]).to.be.closeTo(1, 1e-9);
      expect(theta[4] / theta[0]).to.be.within(0.8, 1.25);
    }
    for (const { theta } of drawMany(randomAffine({ shear: 10 }))) {
      expect([theta[0], theta[3], theta[4]].map((value) => value + 0)).to.deep.equal([1, 0, 1]);
      expect(Math.abs(theta[1] * 2)).to.be.at.most(Math.tan(Math.PI / 18));
    }
    for (const { theta } of drawMany(randomAffine({ translate: 0.1 }))) {
      expect(Math.abs(theta[2])).to.be.at.most(0.2);
      expect(Math.abs(theta[5])).to.be.at.most(0.2);
    }
  });

  it("changes colours wherever the crop is", () => {
    const gray = colorMatrix({ grayscale: 1 });
    const drawn = (transforms: TransformSpec[]) =>
      drawSample(buildPipeline([resize(20), ...transforms, normalize()]), randomAt(3), HEADER).augmentation;
    const { color } = drawn([randomCrop(8), gray]);
    expect(new Set(color.slice(0, 3))).to.deep.equal(new Set([0.2989, 0.587, 0.114]));
    expect(drawn([gray, randomCrop(8)]).color).to.deep.equal(color);
  });

  it("composes in the order of the transforms: a flip after a shift mirrors the shift", () => {
    const shift = [1, 0, 0.5, 0, 1, 0] as const;
    const flip = [-1, 0, 0, 0, 1, 0] as const;
    expect(compose(shift, flip)).to.deep.equal([-1, 0, 0.5, 0, 1, 0]);
    expect(compose(flip, shift)).to.deep.equal([-1, 0, -0.5, 0, 1, 0]);
  });

  it("makes all channels the same where it takes the colour away", () => {
    const { color } = draw([colorMatrix({ grayscale: 1 })]);
    expect(color.slice(0, 3)).to.deep.equal(color.slice(3, 6)).and.to.deep.equal(color.slice(6, 9));
  });

  it("takes the colour away as often as it should", () => {
    const pipeline = buildPipeline([resize({ height: 8, width: 16 }), randomGrayscale(0.25), normalize()]);
    const edits = Array.from({ length: 200 }, (_, seed) => drawSample(pipeline, randomAt(seed)).edits);
    const gray = edits.filter(({ length }) => length > 0);
    expect(gray.length).to.be.within(30, 75);
    expect(gray[0]).to.deep.equal([["grayscale"]]);
  });

  it("keeps contrast, brightness and gain within their factors", () => {
    for (const { contrast } of drawMany(colorMatrix({ contrast: 0.3 })))
      expect(contrast).to.be.within(0.7, 1.3);
    for (const { color } of drawMany(colorMatrix({ brightness: 0.1, gain: 0.2 }))) {
      for (const channel of [0, 4, 8])
        expect(color[channel]).to.be.within(0.9 * 0.8 - 1e-9, 1.1 * 1.2 + 1e-9);
    }
  });
});

describe("randomAt()", () => {
  const draws = (...place: number[]) => {
    const random = randomAt(...place);
    return Array.from({ length: 8 }, () => random.uniform(0, 1));
  };

  it("gives the same numbers at the same place and others elsewhere", () => {
    expect(draws(1, 2, 3)).to.deep.equal(draws(1, 2, 3));
    const places = [
      [1, 2, 3],
      [1, 2, 4],
      [1, 3, 3],
      [2, 2, 3],
      [3, 2, 1],
      [1 + 2 ** 32, 2, 3],
    ];
    expect(new Set(places.map((place) => draws(...place)[0]))).to.have.property("size", places.length);
  });

  it("gives neighbouring places numbers that do not resemble each other", () => {
    const first = Array.from({ length: 4000 }, (_, index) => draws(0, 0, index)[0]!);
    const mean = first.reduce((sum, value) => sum + value, 0) / first.length;
    expect(mean).to.be.closeTo(0.5, 0.02);
    const products = first.slice(1).map((value, i) => (value - mean) * (first[i]! - mean));
    expect(products.reduce((sum, value) => sum + value, 0) / products.length).to.be.closeTo(0, 0.006);
  });

  it("shuffles every number once, each place equally often first", () => {
    expect(shuffled(100, randomAt(0, 0)).sort((a, b) => a - b)).to.deep.equal(
      Array.from({ length: 100 }, (_, i) => i),
    );
    const firsts = Array.from({ length: 2000 }, (_, epoch) => shuffled(4, randomAt(0, epoch))[0]);
    for (const value of [0, 1, 2, 3])
      expect(firsts.filter((first) => first === value).length).to.be.within(420, 580);
  });
});
