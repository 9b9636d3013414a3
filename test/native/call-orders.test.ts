import { expect } from "chai";
import { memory } from "mutual-channel-loss";
import { fuzzCallOrders } from "../fuzz/call-orders.js";
import { settledMemory } from "../support/memory.js";

describe("calls in any order beside a training", () => {
  it("end, in success or documented errors, and leave nothing behind", async function () {
    this.timeout(600_000);
    await fuzzCallOrders({ programs: 5, seed: 1 });
    const before = (await settledMemory()).tensors;
    const outcomes = await fuzzCallOrders({ programs: 200, seed: 2 });
    await settledMemory();
    expect(memory().tensors).to.equal(before);
    for (const outcome of ["done", "ERR_BUSY", "ERR_DISPOSED", "ERR_ABORTED"]) {
      expect(outcomes.get(outcome), outcome).to.be.greaterThan(20);
    }
  });
});
