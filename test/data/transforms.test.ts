import { expect } from "chai";
import { buildPipeline } from "#lib/data/transforms.js";
import {
  colorJitter,
  normalize,
  randomAffine,
  randomCrop,
  randomHorizontalFlip,
  resize,
  type TransformSpec,
} from "mutual-channel-loss";
import { caught } from "../support/errors.js";

describe("transforms", () => {
  it("are plain data", () => {
    const transforms = [
      resize({ height: 32, width: 48 }, { kernel: "cubic" }),
      randomCrop({ padding: 4, fill: [255, 255, 255] }),
      randomHorizontalFlip(),
      randomAffine({ degrees: 15, scale: [0.8, 1.2] }),
      colorJitter({ contrast: 0.3 }),
      normalize(),
    ];
    expect(JSON.parse(JSON.stringify(transforms))).to.deep.equal(transforms);
    expect(resize(32)).to.deep.include({ height: 32, width: 32 });
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
      [() => colorJitter({ contrast: -0.1 }), /^contrast/],
      [() => colorJitter({ grayscale: 2 }), /^grayscale/],
      [() => normalize({ std: [1, 0, 1] }), /^std/],
      [() => normalize({ mean: [NaN, 0, 0] }), /^mean/],
      [() => resize(8, { kernel: "nearest" as "cubic" }), /^kernel/],
    ];
    for (const [build, message] of cases) {
      const error = caught(build);
      expect(error.code).to.equal("ERR_ARGUMENT");
      expect(error.message).to.match(message);
    }
  });

  it("must come in order, saying which is out of place", () => {
    const cases: [TransformSpec[], string][] = [
      [[], "transforms[0]"],
      [[randomHorizontalFlip(), normalize()], "transforms[0]"],
      [[resize(8), resize(9), normalize()], "transforms[1]"],
      [[resize(8), normalize(), randomHorizontalFlip(), normalize()], "transforms[1]"],
    ];
    for (const [transforms, argument] of cases) {
      expect(caught(() => buildPipeline(transforms))).to.include({ code: "ERR_ARGUMENT", argument });
    }
  });

  it("must agree on the fill", () => {
    const white = randomCrop({ padding: 1, fill: [255, 255, 255] });
    expect(buildPipeline([resize(8), white, normalize()]).fill).to.deep.equal([255, 255, 255]);
    const black = randomAffine({ degrees: 5, fill: [0, 0, 0] });
    expect(caught(() => buildPipeline([resize(8), white, black, normalize()])).message).to.match(/one fill/);
  });
});
