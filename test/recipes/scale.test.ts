import { expect } from "chai";
import { changeRecipe, recipes, scaleRecipe, sourceOf } from "mutual-channel-loss/train";

const scratch = recipes.get("cub200-resnet18")!;

describe("scaleRecipe", () => {
  it("brings the schedule to the epochs, and the transforms to the network's input", () => {
    const small = scaleRecipe(scratch, { epochs: 60, inputSize: 112 });
    expect(small.schedule).to.deep.equal({ type: "multiStep", milestones: [30, 45], gamma: 0.1 });
    expect([small.epochs, (small.network as { inputSize: number }).inputSize]).to.deep.equal([60, 112]);
    const [resize, crop, flip, normalize] = small.transforms.train as readonly object[];
    expect(resize).to.deep.include({ type: "resize", size: { height: 112, width: 112 } });
    expect(crop).to.deep.include({ type: "randomCrop", size: { height: 112, width: 112 }, padding: 2 });
    expect([flip, normalize]).to.deep.equal(scratch.transforms.train.slice(2));
    expect(
      ["epochs", "schedule.milestones", "schedule.gamma"].map((path) => sourceOf(small, path)),
    ).to.deep.equal(["user", "user", "code"]);
  });

  it("brings warm-ups to the epochs", () => {
    const warm = changeRecipe(recipes.get("default")!, {
      schedule: { type: "step", size: 30, warmupEpochs: 4 },
      loss: { betaWarmupEpochs: 10 },
    });
    const half = scaleRecipe(warm, { epochs: warm.epochs / 2 });
    expect(half.schedule).to.include({ size: 15, warmupEpochs: 2 });
    expect(half.loss).to.include({ betaWarmupEpochs: 5 });
  });

  it("keeps crops smaller than what they are taken from, and schedules that go by themselves", () => {
    const tuned = scaleRecipe(recipes.get("cub200-resnet50")!, { epochs: 10, inputSize: 112 });
    expect(tuned.transforms.train.slice(0, 2)).to.deep.include.members([
      {
        ...(recipes.get("cub200-resnet50")!.transforms.train[0] as object),
        size: { height: 150, width: 150 },
      },
    ]);
    expect(tuned.transforms.test[1]).to.deep.include({
      type: "centerCrop",
      size: { height: 112, width: 112 },
    });
    expect(tuned.schedule).to.deep.equal({ type: "cosine", perEpoch: true });
    expect(scaleRecipe(recipes.get("cub200-resnet50-kurumi")!, { epochs: 15 }).schedule).to.include({
      size: 3,
    });
    expect(scaleRecipe(scratch, { epochs: 1 }).schedule).to.deep.include({ milestones: [1] });
    expect(scaleRecipe(recipes.get("default")!, { epochs: 7, inputSize: 32 })).to.deep.include({ epochs: 7 });
    expect(scaleRecipe(scratch, {})).to.deep.equal(scratch);
  });
});
