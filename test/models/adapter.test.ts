import { expect } from "chai";
import { networks } from "#lib/models/networks.js";
import { networkNamed, networkSpec } from "#lib/recipes/network.js";
import { ChannelGroups, mcLoss, Model, noGrad, tensor, type Tensor } from "mutual-channel-loss";
import {
  densenet121,
  describe as describeModel,
  mobilenet_v2,
  resnet50,
  swin_t,
  vgg16,
  vit_b_16,
} from "mutual-channel-loss/models";
import { changeRecipe, recipes } from "mutual-channel-loss/train";
import { ops, zeros } from "mutual-channel-loss/tensor";
import { caught } from "../support/errors.js";
import { numbersOf, stateOf } from "../support/fixtures.js";
import { cotangent } from "../support/formula.js";

const CLASSES = 7;
const size = { classes: CLASSES, inputSize: 32 };

const backbones = {
  mobilenet_v2: (adapter: Adapter) => mobilenet_v2({ ...size, adapter }),
  vgg16: (adapter: Adapter) => vgg16({ ...size, adapter }),
  densenet121: (adapter: Adapter) => densenet121({ ...size, adapter }),
  swin_t: (adapter: Adapter) => swin_t({ ...size, adapter }),
  vit_b_16: (adapter: Adapter) => vit_b_16({ ...size, adapter }),
};

interface Adapter {
  channelsPerClass: number;
  head?: "adapter" | "backbone";
}

describe("an adapter", () => {
  for (const head of ["adapter", "backbone"] as const) {
    for (const [name, build] of Object.entries(backbones)) {
      it(`gives each class its own channels of ${name}, where the classifier reads the ${head}`, async () => {
        using model = build({ channelsPerClass: 3, head });
        expect(model.spec.groups).to.deep.equal([{ classes: CLASSES, channels: 3 }]);
        expect(describeModel(model.spec).features[0]).to.equal(3 * CLASSES);
        const { features, logits } = await model.train().forward(cotangent([2, 3, 32, 32]));
        expect(features.shape.slice(0, 2)).to.deep.equal([2, 3 * CLASSES]);
        expect(logits.shape).to.deep.equal([2, CLASSES]);

        const labels = tensor(Int32Array.of(1, 5), { dtype: "int64" });
        const { loss } = mcLoss(features, labels, { groups: ChannelGroups.uniform(CLASSES, 3) });
        await loss.backward();
        const state = stateOf(model);
        const kernel = Object.keys(state).find((each) => each.endsWith("adapter.conv.weight"))!;
        for (const [each, { grad }] of Object.entries(state)) {
          const reached = grad !== null && (ops("aten::linalg_vector_norm", grad) as Tensor).item() > 0;
          if (each === kernel) expect(reached, each).to.equal(true);
          if (/^(classifier|heads|head)\./.test(each)) expect(reached, each).to.equal(false);
        }
      });
    }
  }

  it("leaves the logits as they are where the classifier reads the backbone", async () => {
    using plain = mobilenet_v2(size);
    using adapted = backbones.mobilenet_v2({ channelsPerClass: 2, head: "backbone" });
    const { unexpected, missing } = adapted.loadStateDict(stateOf(plain), { strict: false });
    expect(unexpected).to.deep.equal([]);
    expect(missing.every((name) => name.startsWith("adapter."))).to.equal(true);
    const images = cotangent([1, 3, 32, 32]);
    const [ours, wanted] = await noGrad(async () => [
      (await adapted.eval().forward(images)).logits,
      (await plain.eval().forward(images)).logits,
    ]);
    expect(await numbersOf(ours)).to.deep.equal(await numbersOf(wanted));
  });

  it("takes more classes than the backbone has channels", async () => {
    const spec = mobilenet_v2.spec({ classes: 2000, inputSize: 32, adapter: { channelsPerClass: 2 } });
    expect(spec.groups).to.deep.equal([{ classes: 2000, channels: 2 }]);
    using model = new Model(spec);
    expect((await model.eval().forward(zeros([1, 3, 32, 32]))).features.shape).to.deep.equal([1, 4000, 1, 1]);
  });

  it("is an option of every network, of recipes and of the command line, and data", () => {
    for (const name of networks.names) {
      const network = { ...networkNamed(name), adapter: { channelsPerClass: 4, head: "backbone" } } as const;
      const recipe = changeRecipe(recipes.get("default")!, { network });
      const spec = networkSpec(recipe, 9);
      expect(spec.groups, name).to.deep.equal([{ classes: 9, channels: 4 }]);
      expect(JSON.parse(JSON.stringify(spec)), name).to.deep.equal(spec);
    }
  });

  it("refuses what it does not know, by its place", () => {
    const adapter = (given: object) => caught(() => mobilenet_v2({ ...size, adapter: given as Adapter }));
    expect(adapter({})).to.include({ code: "ERR_ARGUMENT", argument: "adapter.channelsPerClass" });
    expect(adapter({ channelsPerClass: 2, head: "none" })).to.include({ argument: "adapter.head" });
  });
});

describe("a widened ResNet50", () => {
  it("has K·ξ channels in its last stage, which keeps its places", () => {
    const spec = resnet50.spec({ classes: 200, channelsPerClass: 3 });
    const { features, layers } = describeModel(spec);
    expect(features).to.deep.equal([600, 14, 14]);
    const planes = layers.find(({ name }) => name === "layer4.0.conv2")?.outputShape[0];
    expect(planes).to.equal(150);
    expect(spec).to.include({ name: "resnet50-mc", init: "released" });
    expect(spec.groups).to.deep.equal([{ classes: 200, channels: 3 }]);
  });

  it("needs a multiple of 4", () => {
    const error = caught(() => resnet50.spec({ classes: 5, channelsPerClass: 3 }));
    expect(error).to.include({ code: "ERR_ARGUMENT", argument: "channelsPerClass" });
    expect(error.message).to.match(/is 15: the last stage needs a multiple of 4/);
  });
});
