import { expect } from "chai";
import { doubtLabels, type JudgedLabel } from "#lib/compare/confident-learning.js";
import { randomAt } from "#lib/image/random.js";

describe("doubtLabels", () => {
  /** The example of cleanlab's tutorial on the confident joint, worked out by hand. */
  const judged: JudgedLabel[] = [
    { label: 0, probabilities: [0.9, 0.1] },
    { label: 0, probabilities: [0.7, 0.3] },
    { label: 0, probabilities: [0.1, 0.9] },
    { label: 1, probabilities: [0.2, 0.8] },
    { label: 1, probabilities: [0.4, 0.6] },
    { label: 1, probabilities: [0.95, 0.05] },
  ];

  it("counts an image for a class where it is as sure of it as on average, and takes another than its label for a suspect", () => {
    const { doubts, noise, confidence } = doubtLabels(judged, 2);
    expect(confidence[0]).to.be.closeTo((0.9 + 0.7 + 0.1) / 3, 1e-12);
    expect(confidence[1]).to.be.closeTo((0.8 + 0.6 + 0.05) / 3, 1e-12);
    expect(doubts.filter(({ suspect }) => suspect).map(({ index }) => index)).to.have.members([2, 5]);
    // Rows [2, 1] and [1, 2] of three each: a third of each class.
    expect(noise).to.be.closeTo(1 / 3, 1e-12);
  });

  it("ranks by the odds beside each class's average, the most doubtful first", () => {
    const { doubts, confidence } = doubtLabels(judged, 2);
    expect(doubts.slice(0, 2).map(({ index }) => index)).to.deep.equal([5, 2]);
    const odds = Math.log(0.95 / confidence[0]! / (0.05 / confidence[1]!));
    expect(doubts[0]).to.include({ index: 5, suggested: 0 });
    expect(doubts[0]!.doubt).to.be.closeTo(odds, 1e-12);
    const order = doubts.map(({ doubt }) => doubt);
    expect([...order].sort((a, b) => b - a)).to.deep.equal(order);
  });

  it("does not doubt a class of which the model is never sure", () => {
    const hard = Array.from({ length: 10 }, () => ({ label: 0, probabilities: [0.4, 0.5, 0.1] }));
    const easy = Array.from({ length: 10 }, () => ({ label: 1, probabilities: [0.05, 0.9, 0.05] }));
    const sure = Array.from({ length: 10 }, () => ({ label: 2, probabilities: [0.05, 0.05, 0.9] }));
    const wrong = { label: 2, probabilities: [0, 0.95, 0.05] };
    const { doubts } = doubtLabels([...hard, ...easy, ...sure, wrong], 3);
    expect(doubts[0]!.index).to.equal(30);
    expect(doubts.filter(({ suspect }) => suspect).map(({ index }) => index)).to.deep.equal([30]);
  });

  it("finds labels that were exchanged, and how many they are", () => {
    const random = randomAt(3);
    const classes = 5;
    const exchanged = new Set<number>();
    const noisy = Array.from({ length: 1000 }, (_, i): JudgedLabel => {
      const truth = i % classes;
      const weights = Array.from({ length: classes }, (_x, k) =>
        Math.exp(random.uniform(-1.5, 1.5) + (k === truth ? 3 : 0)),
      );
      const sum = weights.reduce((total, weight) => total + weight, 0);
      if (i % 10 === 0) exchanged.add(i);
      const label = exchanged.has(i) ? (truth + random.integer(1, classes - 1)) % classes : truth;
      return { label, probabilities: weights.map((weight) => weight / sum) };
    });
    const { doubts, noise } = doubtLabels(noisy, classes);
    const found = doubts.slice(0, 100).filter(({ index }) => exchanged.has(index)).length;
    expect(found).to.be.at.least(90);
    expect(noise).to.be.within(0.07, 0.16);
  });

  it("takes no class without images for a suggestion, and nothing of one class alone for doubtful", () => {
    expect(doubtLabels([{ label: 0, probabilities: [1] }], 1).doubts).to.deep.equal([
      { index: 0, suggested: -1, doubt: 0, suspect: false },
    ]);
    const { doubts } = doubtLabels(
      [
        { label: 0, probabilities: [0.2, 0.1, 0.7] },
        { label: 1, probabilities: [0.2, 0.8, 0] },
      ],
      3,
    );
    expect(doubts.every(({ suggested }) => suggested !== 2)).to.equal(true);
  });
});
