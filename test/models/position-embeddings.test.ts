import { expect } from "chai";
import { join } from "node:path";
import { Model, tensor, type Tensor } from "mutual-channel-loss";
import { loadWeights, parseModelSpec, type LayerSpec } from "mutual-channel-loss/models";
import { saveStateDict } from "mutual-channel-loss/tensor";
import { numbersOf, stateOf } from "../support/fixtures.js";
import { cotangent } from "../support/formula.js";
import { temporaryFolder } from "../support/images.js";

const folder = temporaryFolder();
const NAME = "encoder.pos_embedding";
const FEATURES = 8;

/** ViT's layers around the embeddings, in small. */
function network(inputSize: number, seed = 0): Model {
  const side = inputSize / 16;
  const layers: LayerSpec[] = [
    {
      ...{ type: "conv2d", name: "conv_proj", inChannels: 3, outChannels: FEATURES },
      ...{ kernelSize: 16, stride: 16 },
    },
    { type: "classToken", name: "class_token", features: FEATURES },
    {
      type: "sequential",
      name: "encoder",
      layers: [
        { type: "positionEmbedding", name: "pos_embedding", tokens: side ** 2 + 1, features: FEATURES },
        { type: "layerNorm2d", name: "ln", features: FEATURES },
      ],
    },
    {
      type: "aside",
      name: "patches",
      layers: [{ type: "dropClassToken", name: "map", height: side, width: side }],
    },
    { type: "takeClassToken", name: "token" },
    { type: "linear", name: "head", inFeatures: FEATURES, outFeatures: 3 },
  ] as LayerSpec[];
  const input = { channels: 3, height: inputSize, width: inputSize };
  const spec = {
    format: 1,
    name: "small-vit",
    input,
    classes: 3,
    groups: [],
    layers,
    features: "patches.map",
  };
  return new Model(parseModelSpec(spec), { seed });
}

/** Cubic convolution with a = −0.75, as PyTorch's: the weights of four neighbours at a distance from the second. */
function cubic(t: number): number[] {
  const a = -0.75;
  const near = (x: number) => (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1;
  const far = (x: number) => a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a;
  return [far(1 + t), near(t), near(1 - t), far(2 - t)];
}

/** One line brought to another length, corners on corners; beyond its ends it goes on with its last number. */
function resizeLine(line: readonly number[], length: number): number[] {
  return Array.from({ length }, (_, at) => {
    const place = length === 1 ? 0 : (at * (line.length - 1)) / (length - 1);
    const first = Math.floor(place);
    const inside = (index: number) => line[Math.min(line.length - 1, Math.max(0, index))]!;
    return cubic(place - first).reduce(
      (sum, weight, neighbour) => sum + weight * inside(first - 1 + neighbour),
      0,
    );
  });
}

/** A map of side × side numbers brought to another side. */
function resizeMap(map: readonly number[], side: number, to: number): number[] {
  const rows = Array.from({ length: side }, (_, y) => resizeLine(map.slice(y * side, (y + 1) * side), to));
  const columns = Array.from({ length: to }, (_, x) =>
    resizeLine(
      rows.map((row) => row[x]!),
      to,
    ),
  );
  return Array.from({ length: to * to }, (_, at) => columns[at % to]![Math.floor(at / to)]!);
}

describe("position embeddings of another input size", () => {
  async function save(inputSize: number, embedding: Tensor): Promise<string> {
    using model = network(inputSize);
    const file = join(folder(), `${inputSize}.safetensors`);
    await saveStateDict(file, { ...stateOf(model), [NAME]: embedding });
    return file;
  }

  for (const [from, to] of [
    [32, 64],
    [64, 48],
    [48, 16],
  ] as const) {
    it(`are interpolated as torchvision does, from ${from} to ${to} pixels, and all else is loaded`, async () => {
      const [side, wanted] = [from / 16, to / 16];
      const embedding = cotangent([1, side ** 2 + 1, FEATURES]);
      const file = await save(from, embedding);
      using model = network(to, 5);
      const { initialized, interpolated, unused, loaded } = await loadWeights(model, file);
      expect(interpolated).to.deep.equal([
        { name: NAME, shape: [1, wanted ** 2 + 1, FEATURES], stored: [1, side ** 2 + 1, FEATURES] },
      ]);
      expect({ initialized, unused }).to.deep.equal({ initialized: [], unused: [] });
      expect(loaded).to.include(NAME).and.to.have.length(model.state().length);
      const before = await numbersOf(embedding);
      const after = await numbersOf(stateOf(model)[NAME]!);
      expect(after.slice(0, FEATURES)).to.deep.equal(before.slice(0, FEATURES));
      for (let channel = 0; channel < FEATURES; channel += 1) {
        const mapOf = (numbers: readonly number[], count: number) =>
          Array.from({ length: count }, (_, place) => numbers[(1 + place) * FEATURES + channel]!);
        const expected = resizeMap(mapOf(before, side ** 2), side, wanted);
        mapOf(after, wanted ** 2).forEach((value, place) => {
          expect(value).to.be.closeTo(expected[place]!, 1e-5);
        });
      }
    });
  }

  it("stay as they were initialised where a file's are no square of places, or of other channels", async () => {
    for (const shape of [
      [1, 7, FEATURES],
      [1, 5, 12],
      [5, FEATURES],
    ]) {
      const file = await save(32, tensor(new Float32Array(shape.reduce((a, b) => a * b)), { shape }));
      using model = network(64, 5);
      using same = network(64, 5);
      const { initialized, interpolated } = await loadWeights(model, file);
      expect(interpolated).to.equal(undefined);
      expect(initialized).to.deep.equal([{ name: NAME, shape: [1, 17, FEATURES], stored: shape }]);
      expect(await numbersOf(stateOf(model)[NAME]!)).to.deep.equal(await numbersOf(stateOf(same)[NAME]!));
    }
  });
});
