import { expect } from "chai";
import { readFileSync } from "node:fs";
import { native } from "#lib/native/binding.js";
import { maximum } from "#lib/extremes.js";
import { EncodedImage } from "#lib/image/encoded-image.js";
import { decodedPlace, editPixels } from "#lib/image/edit-pixels.js";
import { editsOf, type Operation, type Space } from "#lib/image/magnitudes.js";
import type { PixelEdit } from "#lib/image/pixel-edits.js";
import { buildPipeline, type PipelineOptions } from "#lib/image/pipeline.js";
import { drawSample, planSample } from "#lib/image/plan.js";
import { prepareBatch } from "#lib/image/pixels-to-tensor.js";
import { randomAt, type Random } from "#lib/image/random.js";
import { transforms as registry, type FilledTransform, type TransformSpec } from "#lib/image/transforms.js";
import type { StepDefinition } from "#lib/image/transform.js";
import {
  autoAugment,
  centerCrop,
  colorJitter,
  colorMatrix,
  gaussianBlur,
  normalize,
  parseTransforms,
  randAugment,
  randomAffine,
  randomCrop,
  randomGrayscale,
  randomHorizontalFlip,
  randomVerticalFlip,
  resize,
  trivialAugmentWide,
  type Rgb,
} from "mutual-channel-loss/data";
import { caught } from "../support/errors.js";
import { safetensorsFixture } from "../support/safetensors-fixture.js";

const FOLDER = new URL("../fixtures/augmentation/", import.meta.url);
const expected = safetensorsFixture(new URL("expected.safetensors", FOLDER));

/** What test/fixtures/augmentation/make.py wrote. */
interface Made {
  picture: "wide" | "square";
  key: string;
}
const cases = JSON.parse(readFileSync(new URL("cases.json", FOLDER), "utf8")) as {
  operations: (Made & {
    operation: Operation;
    magnitude: number;
    interpolation: "nearest" | "bilinear";
    fill: Rgb | null;
  })[];
  edits: (Made & { edit: PixelEdit })[];
  transforms: (Made & { spec: TransformSpec; draws: number[] })[];
  magnitudes: Record<string, Record<Operation, number[]>>;
};

async function edited(picture: string, edits: readonly PixelEdit[]): Promise<Uint8Array> {
  const { shape, values } = expected(picture);
  const pixels = Uint8Array.from(values);
  await native().editPixels(pixels, [shape[0]!, shape[1]!], edits, pixels);
  return pixels;
}

function sizeOf(picture: string) {
  const [height = 0, width = 0] = expected(picture).shape;
  return { height, width };
}

/** How many levels differ, and by how much at most. */
function difference(actual: Uint8Array, wanted: ArrayLike<number>): { share: number; most: number } {
  expect(actual).to.have.length(wanted.length);
  const differences = Array.from(actual, (value, i) => Math.abs(value - wanted[i]!));
  return {
    share: differences.filter((value) => value > 0).length / actual.length,
    most: maximum(differences),
  };
}

/** Gives the draws that a test wants, in order. */
function given(draws: readonly number[]): Random & { left: () => number } {
  const queue = [...draws];
  const next = () => queue.shift() ?? expect.fail("draws more than expected");
  return { uniform: next, integer: next, left: () => queue.length };
}

/** Sums that are made in another order: some levels are the next ones. */
const BY_ONE = ["gaussianBlur", "bilinear"];

describe("edits of 8-bit pixels beside torchvision", () => {
  const names = [...new Set(cases.operations.map(({ operation }) => operation))];
  for (const name of names) {
    for (const interpolation of ["nearest", "bilinear"] as const) {
      const ofIt = cases.operations.filter(
        (one) => one.operation === name && one.interpolation === interpolation,
      );
      if (ofIt.length === 0) continue;
      const exact = !BY_ONE.includes(interpolation);
      it(`${name}, ${interpolation}: ${exact ? "bit for bit" : "to one level in few places"}`, async () => {
        for (const { magnitude, picture, fill, key } of ofIt) {
          const outside = { interpolation, fill: fill ?? undefined };
          const made = await edited(picture, editsOf(name, magnitude, sizeOf(picture), outside));
          const { share, most } = difference(made, expected(key).values);
          expect(most, `${magnitude}, ${picture}`).to.be.at.most(exact ? 0 : 1);
          expect(share, `${magnitude}, ${picture}`).to.be.at.most(exact ? 0 : 1e-2);
        }
      });
    }
  }

  for (const name of new Set(cases.edits.map(({ edit }) => edit[0]))) {
    const exact = !BY_ONE.includes(name);
    it(`${name}: ${exact ? "bit for bit" : "to one level in few places"}`, async () => {
      for (const { edit, picture, key } of cases.edits.filter((one) => one.edit[0] === name)) {
        const { share, most } = difference(await edited(picture, [edit]), expected(key).values);
        expect(most, `${edit.join(" ")}, ${picture}`).to.be.at.most(exact ? 0 : 1);
        expect(share, `${edit.join(" ")}, ${picture}`).to.be.at.most(exact ? 0 : 1e-2);
      }
    });
  }

  it("leaves an image of one pixel, or of one colour, an image", async () => {
    const all = names.flatMap((name) =>
      editsOf(name, 1, { height: 1, width: 1 }, { interpolation: "bilinear" }),
    );
    for (const size of [
      [1, 1],
      [2, 9],
    ] as const) {
      for (const edit of [...all, ["hue", 0.3], ["gaussianBlur", 5, 2]] as PixelEdit[]) {
        const pixels = new Uint8Array(size[0] * size[1] * 3).fill(90);
        await native().editPixels(pixels, size, [edit], pixels);
        expect(pixels.length).to.equal(size[0] * size[1] * 3);
      }
    }
  });

  it("names an edit that there is not", async () => {
    const pixels = new Uint8Array(3);
    const wrong = [["sharpen", 2]] as unknown as PixelEdit[];
    const error = await native()
      .editPixels(pixels, [1, 1], wrong, pixels)
      .then(
        () => expect.fail("did not fail"),
        (reason: unknown) => reason,
      );
    expect((error as Error).message).to.equal('there is no edit "sharpen" of 1 values');
  });
});

describe("transforms beside torchvision's, from the same draws", () => {
  const draw = (spec: TransformSpec, random: Random, picture: string) => {
    const [{ type, ...options }] = parseTransforms([spec]) as [FilledTransform];
    const definition = registry.get(type) as StepDefinition;
    return definition.draw(options, random, sizeOf(picture)).edits ?? [];
  };

  for (const spec of new Set(cases.transforms.map((one) => JSON.stringify(one.spec)))) {
    it(spec, async () => {
      const ofIt = cases.transforms.filter((one) => JSON.stringify(one.spec) === spec);
      for (const { draws, picture, key } of ofIt) {
        const random = given(draws);
        const edits = draw(JSON.parse(spec) as TransformSpec, random, picture);
        expect(random.left(), "draws that are left").to.equal(0);
        const { share, most } = difference(await edited(picture, edits), expected(key).values);
        const blurs = edits.some(([name]) => BY_ONE.includes(name));
        expect(most, draws.join(" ")).to.be.at.most(blurs ? 1 : 0);
        expect(share, draws.join(" ")).to.be.at.most(blurs ? 1e-2 : 0);
      }
    });
  }

  it("have their magnitudes in float32", () => {
    const spaces = { randAugment, trivialAugmentWide, autoAugment };
    for (const [name, { space }] of Object.entries(spaces as Record<string, { space: Space }>)) {
      const wanted = Object.entries(cases.magnitudes[name]!) as [Operation, number[]][];
      expect(wanted).to.not.have.length(0);
      for (const [operation, values] of wanted) {
        const magnitude = space[operation]!;
        const got = values.map((_, step) => magnitude(step, values.length, { height: 224, width: 300 }));
        expect(got, `${name}, ${operation}`).to.deep.equal(values);
      }
    }
  });

  it("draw each operation about equally often, and signs too", () => {
    const seen = new Map<string, number>();
    const times = 7000;
    for (let seed = 0; seed < times; seed += 1) {
      const edits = draw(trivialAugmentWide(), randomAt(seed), "wide");
      const key = edits[0] === undefined ? "none" : edits[0][0];
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    // 500 of each are expected; 5 standard deviations.
    for (const name of ["brightness", "saturation", "contrast", "sharpness", "posterize", "equalize"]) {
      expect(seen.get(name), name).to.be.within(390, 610);
    }
    const brighter = Array.from({ length: times }, (_, seed) => draw(randAugment(), randomAt(seed), "wide"))
      .flat()
      .filter(([name]) => name === "brightness")
      .map(([, factor = 0]) => factor > 1);
    expect(brighter.filter(Boolean).length / brighter.length).to.be.closeTo(0.5, 0.08);
  });
});

describe("edits in a pipeline", () => {
  const PLAIN = normalize({ mean: [0, 0, 0], std: [1, 1, 1] });
  const PICTURE = new URL("../transforms/picture.png", FOLDER);
  const SIZE = { height: 42, width: 57 };

  async function run(transforms: TransformSpec[], random: Random, options: PipelineOptions = {}) {
    const pipeline = buildPipeline(transforms, options);
    const image = new EncodedImage(PICTURE.pathname);
    const plan = await planSample(pipeline, random, image);
    const pixels = new Uint8Array(pipeline.sampleBytes);
    const decoded = decodedPlace(pipeline, pixels);
    await image.decode(plan.decode, decoded);
    await editPixels(pipeline, plan.edits, decoded, pixels);
    using images = await prepareBatch(pipeline, { pixels, augmentations: [plan.augmentation] }, "cpu");
    const [, , height = 0, width = 0] = images.shape;
    const values = (await images.data()) as Float32Array;
    const plane = height * width;
    return Uint8Array.from({ length: 3 * plane }, (_, i) => {
      return Math.round(255 * values[(i % 3) * plane + Math.floor(i / 3)]!);
    });
  }

  it("come after the crops and flips before them, and before those after them, cached or not", async () => {
    const whole = await run([resize(SIZE), PLAIN], given([]));
    const at = (image: Uint8Array, width: number, y: number, x: number) => image[(y * width + x) * 3];
    for (const cached of [false, true]) {
      // A crop 3 from the left and 5 from the top, a flip, a flip of rows, a crop 2 from the left and 4 from the top.
      const steps = [
        ...[randomCrop({ height: 30, width: 40 }), randomHorizontalFlip(), randomVerticalFlip(1)],
        ...[randomCrop({ height: 20, width: 16 }), PLAIN],
      ];
      const made = await run([resize(SIZE), ...steps], given([3, 5, 0, 0, 2, 4]), { cached });
      for (let y = 0; y < 20; y += 1) {
        for (let x = 0; x < 16; x += 1) {
          const wanted = at(whole, 57, 5 + 29 - (y + 4), 3 + 39 - (x + 2));
          expect(at(made, 16, y, x)).to.equal(wanted);
        }
      }
    }
  });

  it("leave cached pixels as they were decoded, and crops in between to the CPU", () => {
    const transforms = [resize(32), randomCrop({ padding: 4, fill: [9, 9, 9] }), randAugment(), PLAIN];
    const pipeline = buildPipeline(transforms);
    expect(pipeline).to.deep.include({ fixed: true, decoderSteps: 0, editedSteps: 2 });
    const between = [
      resize({ height: 32, width: 32 }),
      randomVerticalFlip(1),
      randomCrop(24),
      randomVerticalFlip(1),
      PLAIN,
    ];
    const plan = drawSample(buildPipeline(between), given([0, 2, 3, 0]));
    expect(plan.edits).to.deep.equal([
      ...[["flipVertical"], ["crop", 3, 2, 24, 24, 0, 0, 0], ["flipVertical"]],
    ]);
    expect(buildPipeline(between).output).to.deep.include({ height: 24, width: 24 });
  });

  it("take no step whose result is the device's before them", () => {
    const refused: [TransformSpec[], RegExp][] = [
      [[randomAffine({ degrees: 5 }), randAugment()], /^transforms\[2\] must come before randomAffine/],
      [[colorMatrix({ gain: 0.1 }), gaussianBlur(3)], /^transforms\[2\] must come before colorMatrix/],
    ];
    for (const [steps, message] of refused) {
      const build = () => buildPipeline([resize(SIZE), ...steps, PLAIN]);
      expect(caught(build).message).to.match(message);
      expect(() => buildPipeline([resize(SIZE), ...steps.reverse(), PLAIN])).to.not.throw();
    }
    const unknown = () => buildPipeline([resize(40), randAugment(), centerCrop(32), PLAIN]);
    expect(caught(unknown).message).to.include("put a crop before what turns, scales or edits them");
    const several = () =>
      buildPipeline([resize(40), randomGrayscale(), { type: "tenCrop", size: SIZE }, PLAIN]);
    expect(caught(several).message).to.include("must not be together with several crops");
  });

  it("name an option that is out of range", () => {
    const wrong: [() => TransformSpec, RegExp][] = [
      [() => gaussianBlur(4), /^kernelSize.*odd/],
      [() => gaussianBlur(5, { sigma: [2, 1] }), /^sigma/],
      [() => randAugment({ numOps: -1 }), /^numOps/],
      [() => randAugment({ interpolation: "bicubic" as "nearest" }), /^interpolation/],
      [() => autoAugment({ policy: "food" as "svhn" }), /^policy/],
      [() => colorJitter({ hue: 0.6 }), /^hue/],
      [() => randomVerticalFlip(2), /^probability/],
    ];
    for (const [make, message] of wrong) expect(caught(make).message).to.match(message);
  });
});
