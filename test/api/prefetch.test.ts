import { expect } from "chai";
import { mapAhead } from "#lib/prefetch.js";

const double = (value: number) => Promise.resolve(2 * value);

async function all<T>(results: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const result of results) found.push(result);
  return found;
}

describe("mapAhead()", () => {
  it("gives the results of a list, a generator and an async generator in order", async () => {
    async function* later() {
      yield* await Promise.resolve([1, 2, 3]);
    }
    for (const items of [[1, 2, 3], [1, 2, 3].values(), later()]) {
      expect(await all(mapAhead(items, 1, double))).to.deep.equal([2, 4, 6]);
    }
    expect(await all(mapAhead([], 4, double))).to.deep.equal([]);
  });

  it("takes no more items than may be under way, and closes what gives them", async () => {
    let [taken, closed] = [0, false];
    function* endless() {
      try {
        for (;;) yield (taken += 1);
      } finally {
        closed = true;
      }
    }
    for await (const result of mapAhead(endless(), 2, double)) {
      expect(taken).to.be.at.most(result / 2 + 3);
      if (result === 20) break;
    }
    expect(taken).to.be.within(10, 13);
    expect(closed).to.equal(true);
  });

  it("throws a failure in its turn, and waits for no item that may never come", async () => {
    async function* stuck() {
      yield* [1, 2];
      await new Promise(() => undefined);
    }
    const failing = (value: number) => (value === 2 ? Promise.reject(new Error("two")) : double(value));
    const results = mapAhead(stuck(), 4, failing);
    expect((await results.next()).value).to.equal(2);
    const failed: unknown = await results.next().catch((error: unknown) => error);
    expect(failed).to.be.an("error").with.property("message", "two");
    const left = mapAhead(stuck(), 4, double);
    expect((await left.next()).value).to.equal(2);
    expect((await left.return()).done).to.equal(true);
  });
});
