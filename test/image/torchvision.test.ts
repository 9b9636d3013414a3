import { expect } from "chai";
import { fileURLToPath } from "node:url";
import { EncodedImage } from "#lib/image/encoded-image.js";
import { buildPipeline, type PipelineOptions } from "#lib/image/pipeline.js";
import { planSample } from "#lib/image/plan.js";
import { prepareBatch } from "#lib/image/pixels-to-tensor.js";
import type { Random } from "#lib/image/random.js";
import { tensor, type Tensor, type TransformSpec } from "mutual-channel-loss";
import {
  centerCrop,
  fiveCrop,
  normalize,
  randomCrop,
  randomErasing,
  randomHorizontalFlip,
  randomResizedCrop,
  resize,
  tenCrop,
  type Interpolation,
} from "mutual-channel-loss/data";
import { ops } from "mutual-channel-loss/tensor";
import { maximum } from "#lib/extremes.js";
import { safetensorsFixture } from "../support/safetensors-fixture.js";

const FOLDER = new URL("../fixtures/transforms/", import.meta.url);
const PICTURE = fileURLToPath(new URL("picture.png", FOLDER));
const PHOTO = fileURLToPath(new URL("photo.jpg", FOLDER));
const SIZE = { height: 42, width: 57 };
/** ToTensor alone. */
const PLAIN = normalize({ mean: [0, 0, 0], std: [1, 1, 1] });
const IMAGENET = normalize({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] });

/** What torchvision made: bytes [..., H, W, 3], or floats [3, H, W]. */
const expected = safetensorsFixture(new URL("expected.safetensors", FOLDER));

/** Gives the draws that a test wants, in order. */
function given(...draws: number[]): Random {
  const next = () => draws.shift() ?? expect.fail("draws more than expected");
  return { uniform: next, integer: next };
}

async function run(
  transforms: TransformSpec[],
  random: Random,
  options: PipelineOptions = {},
  path = PICTURE,
): Promise<{ bytes: Uint8Array; values: Float32Array; shape: readonly number[] }> {
  const pipeline = buildPipeline(transforms, options);
  const image = new EncodedImage(path);
  const plan = await planSample(pipeline, random, image);
  const pixels = new Uint8Array(pipeline.sampleBytes);
  await image.decode(plan.decode, pixels);
  using images = await prepareBatch(pipeline, { pixels, augmentations: [plan.augmentation] }, "cpu");
  const values = (await images.data()) as Float32Array;
  return { values, bytes: toBytes(values, images.shape), shape: images.shape };
}

/** Normalised by PLAIN, [..., 3, H, W], back to [..., H, W, 3]. */
function toBytes(values: Float32Array, shape: readonly number[]): Uint8Array {
  const [height = 0, width = 0] = shape.slice(-2);
  const plane = height * width;
  return Uint8Array.from(values, (_, i) => {
    const place = Math.floor((i % (3 * plane)) / 3);
    return Math.round(255 * values[Math.floor(i / (3 * plane)) * 3 * plane + (i % 3) * plane + place]!);
  });
}

function difference(actual: Uint8Array, wanted: ArrayLike<number>): { mean: number; max: number } {
  expect(actual).to.have.length(wanted.length);
  const differences = Array.from(actual, (value, i) => Math.abs(value - wanted[i]!));
  const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length;
  return { mean, max: maximum(differences) };
}

describe("transforms beside torchvision", () => {
  const exact: [string, TransformSpec[], () => Random][] = [
    ["crop", [randomCrop({ height: 24, width: 20 })], () => given(7, 10)],
    ["padded", [randomCrop({ padding: 4, fill: [10, 20, 30] })], () => given(4, -4)],
    ["flip", [randomHorizontalFlip()], () => given(0)],
    ["center", [centerCrop({ height: 25, width: 32 })], () => given()],
    ["center_beyond", [centerCrop({ height: 47, width: 30 })], () => given()],
    ["five", [fiveCrop({ height: 20, width: 24 })], () => given()],
    ["ten", [tenCrop({ height: 20, width: 24 })], () => given()],
  ];
  for (const [name, transforms, random] of exact) {
    for (const cached of [false, true]) {
      it(`move the same pixels: ${name}, ${cached ? "on the device" : "as they are decoded"}`, async () => {
        const { bytes } = await run([resize(SIZE), ...transforms, PLAIN], random(), { cached });
        expect([...bytes]).to.deep.equal([...expected(name).values]);
      });
    }
  }

  it("crop images of their own size", async () => {
    const { bytes } = await run([randomCrop({ height: 24, width: 20 }), PLAIN], given(7, 10));
    expect([...bytes]).to.deep.equal([...expected("crop").values]);
  });

  it("pad and crop after a crop as after a resize: what was cut off stays so", async () => {
    const twice = [centerCrop({ height: 25, width: 32 }), randomCrop({ padding: 3 }), PLAIN];
    const { bytes } = await run(twice, given(-3, 3));
    const center = expected("center").values;
    // Three columns of padding come in on the left, three rows at the bottom.
    for (let y = 0; y < 25; y += 1) {
      for (let x = 0; x < 32; x += 1) {
        const shown = y < 22 && x >= 3 ? center[((y + 3) * 32 + x - 3) * 3] : 0;
        expect(bytes[(y * 32 + x) * 3]).to.equal(shown);
      }
    }
  });

  it("make views [N, V, 3, H, W] of an image", async () => {
    const { shape } = await run([resize(SIZE), tenCrop(20), PLAIN], given());
    expect(shape).to.deep.equal([1, 10, 3, 20, 20]);
  });

  it("normalise bit for bit as ToTensor and Normalize", async () => {
    const { values } = await run([resize(SIZE), IMAGENET], given());
    expect(values).to.deep.equal(expected("normalized").values);
  });

  it("normalise every level of every channel bit for bit", async () => {
    const levels = tensor(
      Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3)),
      { shape: [1, 16, 16, 3] },
    );
    const { mean, std } = IMAGENET;
    const images = ops("mcloss::prepare_images", levels, [16, 16], [...mean], [...std]) as Tensor;
    expect(await images.data()).to.deep.equal(expected("levels").values);
  });

  it("erase the same rectangle, before and after normalize", async () => {
    // Drawn: whether, the area, the logarithm of the ratio, then top and left.
    const draws = () => given(0, (12 * 17) / (42 * 57), Math.log(12 / 17), 5, 9);
    const after = [resize(SIZE), IMAGENET, randomErasing({ value: [0.5, -1, 2] })];
    expect((await run(after, draws())).values).to.deep.equal(expected("erased").values);
    const value = [0.5, -1, 2].map((x, c) => x * IMAGENET.std[c]! + IMAGENET.mean[c]!) as [
      number,
      number,
      number,
    ];
    const before = [resize(SIZE), randomErasing({ value }), IMAGENET];
    const { values } = await run(before, draws());
    expected("erased").values.forEach((wanted, i) => expect(values[i]).to.be.closeTo(wanted, 1e-6));
  });

  const sized: Record<string, (interpolation: Interpolation) => [TransformSpec[], Random]> = {
    down: (interpolation) => [[resize({ height: 19, width: 23 }, { interpolation })], given()],
    up: (interpolation) => [[resize({ height: 60, width: 80 }, { interpolation })], given()],
    shorter: (interpolation) => [
      [resize(30, { interpolation }), centerCrop({ height: 30, width: 40 })],
      given(),
    ],
    region: (interpolation) => [
      [randomResizedCrop(24, { interpolation })],
      given((36 * 40) / (42 * 57), Math.log(40 / 36), 3, 11),
    ],
  };
  for (const interpolation of ["nearest", "bilinear", "bicubic", "lanczos"] as const) {
    for (const [name, made] of Object.entries(sized)) {
      it(`resize bit for bit: ${interpolation}, ${name}`, async () => {
        const [transforms, random] = made(interpolation);
        const { bytes } = await run([...transforms, PLAIN], random);
        expect([...bytes]).to.deep.equal([...expected(`${interpolation}_${name}`).values]);
      });
    }
  }

  it("decode and shrink JPEGs within 0.8 on average and 14 at most", async () => {
    for (const interpolation of ["bilinear", "bicubic", "lanczos"] as const) {
      const resized = resize({ height: 48, width: 64 }, { interpolation });
      const { bytes } = await run([resized, PLAIN], given(), {}, PHOTO);
      const found = difference(bytes, expected(`${interpolation}_photo`).values);
      expect(found.mean, interpolation).to.be.at.most(0.8);
      expect(found.max, interpolation).to.be.at.most(14);
    }
  });

  it("take a part of a JPEG that is shrunk as it is decoded within 0.8 on average", async () => {
    const area = (256 * 320) / (300 * 400);
    const random = given(area, Math.log(320 / 256), 20, 40);
    const { bytes } = await run([randomResizedCrop(64), PLAIN], random, {}, PHOTO);
    const found = difference(bytes, expected("bilinear_photo_region").values);
    expect(found.mean).to.be.at.most(0.8);
  });
});
