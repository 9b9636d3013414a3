import { expect } from "chai";
import { evaluate, smallResNet, tensor } from "mutual-channel-loss";
import { zeros } from "mutual-channel-loss/tensor";
import { ClassificationTally } from "#lib/train/classification-scores.js";
import { fixedLoader } from "../support/fixed-loader.js";

/** Truth and prediction of each image; a rank is how many classes come before the true one. */
function tally(
  classes: number,
  images: readonly (readonly [truth: number, predicted: number, rank: number])[],
) {
  const scores = new ClassificationTally(classes);
  const samples = Int32Array.from(images.flatMap(([, predicted, rank]) => [predicted, rank, -1]));
  scores.add(
    images.map(([truth]) => truth),
    samples,
  );
  return scores.scores();
}

describe("classification scores", () => {
  it("are scikit-learn's on a worked example", () => {
    const truth = [0, 0, 0, 1, 1, 2];
    const predicted = [0, 0, 1, 1, 1, 0];
    const scores = tally(
      3,
      truth.map((label, i) => [label, predicted[i]!, label === predicted[i] ? 0 : 1]),
    );
    expect(scores.confusion).to.deep.equal([
      [2, 1, 0],
      [0, 2, 0],
      [1, 0, 0],
    ]);
    // f1_score(truth, predicted, average=None) = [0.6667, 0.8, 0]
    expect(scores.perClass.map(({ f1 }) => f1)).to.deep.equal([4 / 6, 4 / 5, 0]);
    expect(scores.macroF1).to.be.closeTo((4 / 6 + 4 / 5) / 3, 1e-12);
    // balanced_accuracy_score(truth, predicted)
    expect(scores.balancedAccuracy).to.be.closeTo((2 / 3 + 1 + 0) / 3, 1e-12);
    expect(scores.perClass[0]).to.deep.equal({ images: 3, accuracy: 2 / 3, precision: 2 / 3, f1: 2 / 3 });
  });

  it("count an image among the five best while at most four classes score higher", () => {
    const scores = tally(9, [
      [0, 1, 4],
      [0, 1, 5],
      [2, 2, 0],
    ]);
    expect(scores.top5Accuracy).to.be.closeTo(2 / 3, 1e-12);
  });

  it("leave classes that do not occur out of the macro F1, and are 0 without images", () => {
    expect(tally(4, [[1, 1, 0]]).macroF1).to.equal(1);
    // Class 2 has no image, though one was taken for it.
    const one = tally(4, [
      [1, 1, 0],
      [1, 2, 1],
      [0, 0, 0],
    ]);
    expect(one.balancedAccuracy).to.equal(0.75);
    expect(one.macroF1).to.be.closeTo((1 + 2 / 3 + 0) / 3, 1e-12);
    expect(tally(2, [])).to.deep.include({ top5Accuracy: 0, macroF1: 0, balancedAccuracy: 0 });
  });

  for (const [what, value, accuracy, top5Accuracy] of [
    ["of guessing where all logits are equal", 0, 1 / 8, 5 / 8],
    ["of no answer where all logits are NaN", NaN, 0, 0],
  ] as const) {
    it(`are those ${what}`, async () => {
      using model = smallResNet({ classes: 8, channelsPerClass: 2, inputSize: 32, width: 8 });
      model.loadStateDict(
        {
          "classifier.4.weight": zeros([8, 256]),
          "classifier.4.bias": tensor(new Array<number>(8).fill(value)),
        },
        { strict: false },
      );
      const images = new Float32Array(8 * 3 * 32 * 32);
      const loader = fixedLoader([{ images, shape: [3, 32, 32], labels: [0, 1, 2, 3, 4, 5, 6, 7] }]);
      const scores = await evaluate(model, loader);
      expect(scores).to.include({ accuracy, top5Accuracy });
    });
  }
});
