import { expect } from "chai";
import { buildPipeline } from "#lib/image/pipeline.js";
import { type TransformSpec } from "mutual-channel-loss";
import {
  centerCrop,
  colorMatrix,
  fiveCrop,
  normalize,
  paperPretrained,
  paperScratch,
  parseTransforms,
  randomAffine,
  randomCrop,
  randomErasing,
  randomHorizontalFlip,
  randomResizedCrop,
  resize,
  tenCrop,
  type Rgb,
} from "mutual-channel-loss/data";
import { caught } from "../support/errors.js";

describe("transforms", () => {
  it("are plain data", () => {
    const transforms = [
      resize({ height: 32, width: 48 }, { interpolation: "bicubic" }),
      randomCrop({ padding: 4, fill: [255, 255, 255] }),
      randomHorizontalFlip(),
      randomAffine({ degrees: 15, scale: [0.8, 1.2] }),
      colorMatrix({ contrast: 0.3 }),
      randomErasing({ value: 0.5 }),
      normalize(),
      ...[randomResizedCrop(224), centerCrop(224), fiveCrop(24), tenCrop({ height: 24, width: 20 })],
    ];
    expect(parseTransforms(JSON.parse(JSON.stringify(transforms)))).to.deep.equal(transforms);
    expect(JSON.parse(JSON.stringify(transforms))).to.deep.equal(transforms);
    expect(resize(32)).to.deep.equal({ type: "resize", size: 32, interpolation: "bilinear" });
    expect(randomCrop(32)).to.deep.include({ size: { height: 32, width: 32 }, padding: 0 });
    expect(randomErasing({ value: 0.5 }).value).to.deep.equal([0.5, 0.5, 0.5]);
    expect(normalize()).to.deep.include({ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] });
  });

  it("reject values out of range, naming the argument", () => {
    const cases: [() => TransformSpec, RegExp][] = [
      [() => resize(0), /^size/],
      [() => resize({ height: 8, width: 1.5 }), /^size/],
      [() => randomCrop({ padding: -1 }), /^padding/],
      [() => randomCrop({ padding: 1, fill: [0, 256, 0] }), /^fill/],
      [() => randomHorizontalFlip(1.5), /^prob/],
      [() => randomAffine({ degrees: -5 }), /^degrees/],
      [() => randomAffine({ translate: 2 }), /^translate/],
      [() => randomAffine({ scale: [0, 1] }), /^scale/],
      [() => randomAffine({ scale: [2, 1] }), /^scale/],
      [() => randomAffine({ shear: NaN }), /^shear/],
      [() => colorMatrix({ contrast: -0.1 }), /^contrast/],
      [() => colorMatrix({ grayscale: 2 }), /^grayscale/],
      [() => randomCrop(8, { type: "resize" } as object), /^type/],
      [() => centerCrop(8, 5 as unknown as object), /^options/],
      [() => colorMatrix(null as unknown as object), /^options/],
      [() => normalize({ std: [1, 0, 1] }), /^std/],
      [() => normalize({ mean: [NaN, 0, 0] }), /^mean/],
      [() => resize(8, { interpolation: "cubic" as "bicubic" }), /^interpolation/],
      [() => centerCrop(-1), /^size/],
      [() => randomResizedCrop(8, { scale: [0.5, 2] }), /^scale/],
      [() => randomResizedCrop(8, { ratio: [2, 1] }), /^ratio/],
      [() => randomErasing({ value: [0, 0] as unknown as Rgb }), /^value/],
    ];
    for (const [build, message] of cases) {
      const error = caught(build);
      expect(error.code).to.equal("ERR_ARGUMENT");
      expect(error.message).to.match(message);
    }
  });

  it("are read from JSON with their defaults, naming the path of the bad part", () => {
    const plain = [{ type: "resize", size: 256 }, { type: "centerCrop", size: 224 }, { type: "normalize" }];
    expect(parseTransforms(plain)).to.deep.equal([resize(256), centerCrop(224), normalize()]);
    const cases: [unknown, string][] = [
      ["resize", "the value"],
      [[], "the value"],
      [[{ type: "blur" }], "[0].type"],
      [
        [
          { type: "resize", size: 8 },
          { type: "randomCrop", padding: -1 },
        ],
        "[1].padding",
      ],
      [[{ type: "normalize", std: [1, 0, 1] }], "[0].std[1]"],
      [[{ type: "randomErasing", scale: [0.5] }], "[0].scale"],
    ];
    for (const [value, argument] of cases) {
      expect(caught(() => parseTransforms(value))).to.include({ code: "ERR_ARGUMENT", argument });
    }
  });

  it("must come in order, saying which is out of place", () => {
    const flip = randomHorizontalFlip();
    const end = normalize();
    const cases: [TransformSpec[], string][] = [
      [[], "transforms"],
      [[resize(8), { type: "blur" } as unknown as TransformSpec, end], "transforms[1].type"],
      [[flip, end], "transforms[0]"],
      [[randomCrop({ padding: 2 }), end], "transforms[0]"],
      [[resize(8), flip], "transforms[1]"],
      [[resize(8), resize(9), end], "transforms[1]"],
      [[resize(8), end, flip, end], "transforms[1]"],
      [[resize(8), end, flip], "transforms[2]"],
      [[resize(8), randomErasing(), flip, end], "transforms[2]"],
      [[resize(8), colorMatrix({}), colorMatrix({}), end], "transforms[2]"],
      [[resize(8), flip, fiveCrop(8), end], "transforms[2]"],
      [[resize(8), fiveCrop(8), flip, end], "transforms[2]"],
      [[resize({ height: 8, width: 8 }), randomCrop(12, { padding: 1 }), end], "transforms[1]"],
      [[resize(8), randomAffine({}), centerCrop(4), end], "transforms"],
    ];
    for (const [transforms, argument] of cases) {
      expect(
        caught(() => buildPipeline(transforms)),
        JSON.stringify(transforms),
      ).to.include({ code: "ERR_ARGUMENT", argument });
    }
  });

  it("resize a shorter side where a crop follows, and both sides where none does", () => {
    expect(buildPipeline([resize(8), normalize()])).to.deep.include({
      input: { height: 8, width: 8 },
      fixed: true,
    });
    const cropped = buildPipeline([resize(12), centerCrop(8), normalize()]);
    expect(cropped.scaling?.options).to.include({ size: 12 });
    expect(cropped).to.deep.include({ input: { height: 8, width: 8 }, fixed: true, needsSize: true });
  });

  it("leave crops to the decoder, unless its pixels are kept", () => {
    const transforms = [
      resize({ height: 12, width: 12 }),
      randomCrop(8),
      randomHorizontalFlip(),
      normalize(),
    ];
    const size = (extent: number) => ({ height: extent, width: extent });
    expect(buildPipeline(transforms)).to.deep.include({ output: size(8), input: size(8), fixed: false });
    const cached = buildPipeline(transforms, { cached: true });
    expect(cached).to.deep.include({ output: size(12), input: size(8), fixed: true });
    for (const padded of [randomCrop({ padding: 2 }), randomCrop(8, { padding: 2 })]) {
      const pipeline = buildPipeline([resize({ height: 8, width: 8 }), padded, normalize()]);
      expect(pipeline).to.deep.include({ output: size(8), input: size(8), fixed: true, needsSize: false });
    }
  });

  it("must agree on the fill", () => {
    const white = randomCrop({ padding: 1, fill: [255, 255, 255] });
    expect(buildPipeline([resize(8), white, normalize()]).fill).to.deep.equal([255, 255, 255]);
    const black = randomAffine({ degrees: 5, fill: [0, 0, 0] });
    expect(caught(() => buildPipeline([resize(8), white, black, normalize()])).message).to.match(/one fill/);
  });

  it("have the paper's settings as presets", () => {
    const scratch = paperScratch();
    expect(scratch.train).to.deep.equal([
      resize({ height: 224, width: 224 }),
      randomCrop(224, { padding: 4 }),
      randomHorizontalFlip(0.5),
      normalize({ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }),
    ]);
    expect(scratch.evaluation).to.deep.equal([scratch.train[0], scratch.train[3]]);
    const imagenet = normalize({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] });
    const pretrained = paperPretrained({ resize: 512 });
    expect(pretrained.train).to.deep.equal([resize(512), randomCrop(448), randomHorizontalFlip(), imagenet]);
    expect(pretrained.evaluation).to.deep.equal([resize(512), centerCrop(448), imagenet]);
    for (const { train, evaluation } of [scratch, pretrained, paperPretrained()]) {
      expect(buildPipeline(train).input).to.deep.equal(buildPipeline(evaluation).input);
    }
  });
});
