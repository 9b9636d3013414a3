import { expect } from "chai";
import { layers } from "#lib/models/layers.js";
import { manualSeed, Model, noGrad, type Tensor } from "mutual-channel-loss";
import { describe as describeModel, parseModelSpec, type LayerSpec } from "mutual-channel-loss/models";
import { loadStateDict } from "mutual-channel-loss/tensor";
import { expectClose, fixturePath, readFixture, stateOf } from "../support/fixtures.js";
import { cotangent } from "../support/formula.js";

const TOLERANCE = 2e-5;

interface Case {
  name: string;
  spec: LayerSpec;
  /** [C, H, W] */
  shape: [number, number, number];
}

const cases = readFixture("layers.json") as Case[];

/** The layer, named "tested", in a network that ends in logits. */
function around({ name, spec, shape: [channels, height, width] }: Case, output: readonly number[]): Model {
  const toLogits: LayerSpec[] =
    output.length === 4 ? [{ type: "adaptiveAvgPool2d", outputSize: 1 }, { type: "flatten" }] : [];
  return new Model(
    parseModelSpec({
      format: 1,
      name,
      input: { channels, height, width },
      classes: output[1],
      groups: [],
      layers: [{ type: "identity", name: "x" }, { ...spec, name: "tested" }, ...toLogits],
      features: "x",
    }),
  );
}

describe("every layer, against PyTorch's module or torchvision's block (fixtures)", () => {
  let fixtures: Record<string, Tensor>;

  before(async () => {
    fixtures = await loadStateDict(fixturePath("layers.safetensors"));
  });

  function startingWith(prefix: string): [string, Tensor][] {
    return Object.entries(fixtures)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value]);
  }

  it("are all there", () => {
    const types = JSON.stringify(cases.map(({ spec }) => spec)).matchAll(/"type":"(\w+)"/g);
    // TorchScript has tests of its own.
    const tested = new Set([...types].map(([, type]) => type).concat("torchscript"));
    expect(layers.names.filter((type) => !tested.has(type))).to.deep.equal([]);
  });

  for (const each of cases) {
    it(`${each.name}: shape, state, outputs, gradients`, async () => {
      const wanted = (part: string) => fixtures[`${each.name}/${part}`]!;
      using model = around(each, wanted("eval").shape);
      const shape = describeModel(model).layers.find(({ name }) => name === "tested")?.outputShape;
      expect(shape).to.deep.equal(wanted("eval").shape.slice(1));
      const state = startingWith(`${each.name}/state.`).map(([name, value]) => [`tested.${name}`, value]);
      model.loadStateDict(Object.fromEntries(state) as Record<string, Tensor>);
      expect(Object.keys(stateOf(model)).sort()).to.deep.equal(state.map(([name]) => name).sort());

      const taps = ["tested"] as const;
      const evaluated = await noGrad(() => model.eval().forward(wanted("input"), { taps }));
      await expectClose(evaluated.taps.tested, wanted("eval"), TOLERANCE, "eval");

      manualSeed(0);
      const x = wanted("input").withGrad();
      const output = (await model.train().forward(x, { taps })).taps.tested;
      await expectClose(output, wanted("train"), TOLERANCE, "train");
      await output.mul(cotangent(output.shape)).sum().backward();
      await expectClose(x.grad, wanted("gradient"), TOLERANCE, "gradient");
      const own = stateOf(model);
      for (const [name, gradient] of startingWith(`${each.name}/gradient.`)) {
        await expectClose(own[`tested.${name}`]!.grad, gradient, TOLERANCE, `gradient of ${name}`);
      }
      for (const [name, buffer] of startingWith(`${each.name}/after.`)) {
        await expectClose(own[`tested.${name}`]!, buffer, TOLERANCE, `${name} afterwards`);
      }
    });
  }
});
