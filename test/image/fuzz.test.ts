import { expect } from "chai";
import { memory } from "mutual-channel-loss";
import { fuzzImages } from "../fuzz/images.js";
import { settledMemory } from "../support/memory.js";

describe("damaged images", () => {
  it("are decoded or refused: no crash, no hang, nothing kept", async () => {
    const before = (await settledMemory()).tensors;
    const { decoded, refused, resident } = await fuzzImages({ rounds: 12, seed: 3 });
    expect(decoded + refused).to.equal(12 * 64);
    expect(Math.min(decoded, refused)).to.be.greaterThan(100);
    expect(memory().tensors).to.equal(before);
    // After half of it everything that is loaded once is loaded.
    expect(resident.at(-1)! - resident[6]!).to.be.lessThan(64 * 2 ** 20);
  });
});
