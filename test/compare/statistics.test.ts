import { expect } from "chai";
import { pairedTTest, spread, studentTail } from "#lib/compare/statistics.js";

describe("the statistics of comparisons", () => {
  // scipy.stats.t.sf(t, degrees), twice.
  const tails: [t: number, degrees: number, p: number][] = [
    [0, 5, 1],
    [0.5, 1, 0.7048327646991335],
    [1, 1, 0.5],
    [2, 2, 0.18350341907227397],
    [12.7062047, 1, 0.05000000014176587],
    [2.7764451, 4, 0.05000000026592767],
    [-4.6, 9, 0.001290524189978899],
    [30, 9, 2.4837047041582635e-10],
    [50, 3, 1.761715204127197e-5],
    [0.01, 200, 0.992031255153281],
    [1.96, 1_000_000, 0.04999606758526985],
  ];
  for (const [t, degrees, p] of tails) {
    it(`have Student's t of ${degrees} degrees of freedom, at ${t}`, () => {
      expect(studentTail(t, degrees) / p).to.be.closeTo(1, 1e-9);
    });
  }

  it("test differences as scipy.stats.ttest_1samp", () => {
    expect(pairedTTest([0.1, 0.2, 0.15])).to.be.closeTo(0.03509871864598465, 1e-12);
    expect(pairedTTest([1, -1, 0.5, 0.2, 0.3])).to.be.closeTo(0.5773517870348749, 1e-12);
    expect(pairedTTest([0.011, 0.012, 0.0115, 0.0109, 0.0121])).to.be.closeTo(1.272580574192319e-6, 1e-15);
  });

  it("have no p value of one difference, nor of equal ones", () => {
    expect(pairedTTest([0.1])).to.equal(undefined);
    expect(pairedTTest([0.25, 0.25])).to.equal(undefined);
    // Their mean is rounded to 0.10000000000000002.
    expect(pairedTTest([0.1, 0.1, 0.1])).to.equal(undefined);
    expect(pairedTTest([0, 0])).to.equal(undefined);
  });

  it("have the mean, and of several values their sample's standard deviation", () => {
    expect(spread([2])).to.deep.equal({ mean: 2 });
    expect(spread([2, 4, 6])).to.deep.equal({ mean: 4, std: 2 });
  });
});
