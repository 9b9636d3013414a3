import { expect } from "chai";
import { setImmediate as nextTask } from "node:timers/promises";
import { maximum } from "#lib/extremes.js";
import { MicroBatcher, type BatchLimits } from "#lib/predict/micro-batcher.js";
import { rejected } from "../support/errors.js";

/** A batcher of numbers whose batches wait to be let go, and are recorded. */
function observed(limits: BatchLimits, prepare = (value: number) => Promise.resolve(value)) {
  const batches: number[][] = [];
  const gates: (() => void)[] = [];
  const run = async (batch: readonly number[]) => {
    batches.push([...batch]);
    await new Promise<void>((open) => gates.push(open));
    if (batch.includes(13)) throw new Error("unlucky");
    return batch.map((value) => 10 * value);
  };
  const batcher = new MicroBatcher({ prepare, run }, limits);
  const release = async () => {
    await nextTask();
    gates.shift()!();
    await nextTask();
  };
  return {
    batches,
    release,
    submit: (value: number, signal?: AbortSignal) => batcher.submit(value, "it", signal),
  };
}

describe("a micro-batcher", () => {
  it("runs the first request at once, and what has come meanwhile together, up to the limit", async () => {
    const { batches, release, submit } = observed({ maxBatch: 3, concurrency: 8 });
    const first = submit(1);
    await nextTask();
    const others = [2, 3, 4, 5].map((value) => submit(value));
    for (let i = 0; i < 3; i += 1) await release();
    expect(batches).to.deep.equal([[1], [2, 3, 4], [5]]);
    expect(await Promise.all([first, ...others])).to.deep.equal([10, 20, 30, 40, 50]);
  });

  it("makes batches of the time that they may take, and of the whole number of processors", async () => {
    const sizes: number[] = [];
    let each = 0;
    const run = async (batch: readonly number[]) => {
      sizes.push(batch.length);
      const end = performance.now() + each * batch.length;
      while (performance.now() < end) await nextTask();
      return batch;
    };
    const prepare = (value: number) => Promise.resolve(value);
    const limits = { maxBatch: 8, concurrency: 16, batchMilliseconds: 30, multiple: 2 };
    const batcher = new MicroBatcher({ prepare, run }, limits);
    const ask = (count: number) =>
      Promise.all(Array.from({ length: count }, (_, value) => batcher.submit(value, "it")));
    each = 100;
    await ask(1);
    await ask(6);
    expect(maximum(sizes)).to.equal(2);
    each = 0;
    // The one that runs first after the slow ones may be held up by other programs.
    for (let attempt = 0; attempt < 100 && maximum(sizes) < 8; attempt += 1) await ask(16);
    expect(maximum(sizes)).to.equal(8);
  });

  it("lets no request wait for more than the batch that runs when it comes", async () => {
    const { batches, release, submit } = observed({ maxBatch: 4, concurrency: 8 });
    const answers: Promise<number>[] = [submit(0)];
    await nextTask();
    for (let round = 1; round <= 5; round += 1) {
      const come = [10 * round, 10 * round + 1, 10 * round + 2];
      for (const value of come) answers.push(submit(value));
      await release();
      expect(batches.at(-1), "the next batch").to.deep.equal(come);
    }
    await release();
    await Promise.all(answers);
  });

  it("gives a failure to prepare to its own request, and a failure to run to the whole batch", async () => {
    const prepare = (value: number) =>
      value < 0 ? Promise.reject(new RangeError("negative")) : Promise.resolve(value);
    const { batches, release, submit } = observed({ maxBatch: 8, concurrency: 8 }, prepare);
    const first = submit(1);
    await nextTask();
    const outcomes = Promise.allSettled([13, -2, 4].map((value) => submit(value)));
    await release();
    const after = submit(5);
    await release();
    await release();
    expect(batches).to.deep.equal([[1], [13, 4], [5]]);
    expect(
      (await outcomes).map((outcome) => (outcome.status === "rejected" ? String(outcome.reason) : "")),
    ).to.deep.equal(["Error: unlucky", "RangeError: negative", "Error: unlucky"]);
    expect(await Promise.all([first, after])).to.deep.equal([10, 50]);
  });

  it("prepares no more at once than it may, and no more ahead than the next batch takes", async () => {
    let [preparing, most, prepared] = [0, 0, 0];
    const prepare = async (value: number) => {
      preparing += 1;
      most = Math.max(most, preparing);
      await nextTask();
      preparing -= 1;
      prepared += 1;
      return value;
    };
    const { batches, release, submit } = observed({ maxBatch: 4, concurrency: 2 }, prepare);
    const all = Promise.all(Array.from({ length: 12 }, (_, value) => submit(value)));
    for (let i = 0; i < 20; i += 1) await nextTask();
    expect(batches).to.have.length(1);
    expect(prepared).to.equal(batches[0]!.length + 4);
    for (let done = 0; done < 12; done += batches.at(-1)!.length) await release();
    expect(most).to.equal(2);
    expect(await all).to.deep.equal(Array.from({ length: 12 }, (_, value) => 10 * value));
  });

  it("rejects a request that is aborted before its batch begins, and lets one that has begun finish", async () => {
    const { batches, release, submit } = observed({ maxBatch: 8, concurrency: 1 });
    const controllers = Array.from({ length: 4 }, () => new AbortController());
    const requests = controllers.map(({ signal }, value) => submit(value, signal));
    const gone = requests.slice(1, 3).map(rejected);
    await nextTask();
    for (const controller of controllers.slice(0, 3)) controller.abort();
    for (const error of await Promise.all(gone)) {
      expect(error).to.include({ code: "ERR_ABORTED", name: "AbortError", message: "it was interrupted" });
    }
    await release();
    await release();
    expect(batches).to.deep.equal([[0], [3]]);
    expect(await Promise.all([requests[0], requests[3]])).to.deep.equal([0, 30]);
    expect((await rejected(submit(9, AbortSignal.abort()))).code).to.equal("ERR_ABORTED");
  });
});
