import { expect } from "chai";
import { maximum, minimum } from "#lib/extremes.js";

describe("maximum and minimum", () => {
  it("take more values than the stack has room for arguments", () => {
    const values = Float64Array.from({ length: 300_000 }, (_, i) => (i === 200_000 ? -7 : i % 10));
    expect([maximum(values), minimum(values)]).to.deep.equal([9, -7]);
    expect(maximum([])).to.equal(Math.max());
    expect(minimum([])).to.equal(Math.min());
    expect(maximum([1, NaN, 2])).to.be.NaN;
  });
});
