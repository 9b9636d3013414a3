import { expect } from "chai";
import fc from "fast-check";
import { SampleQueue, type QueuedSample } from "#lib/loader/sample-queue.js";
import { groupReadable } from "#lib/loader/group-readable.js";

interface Problem {
  order: number[];
  /** Samples that turn out to be unreadable. */
  bad: number[];
  batchSize: number;
  /** Portions under way when the first is looked at. */
  ahead: number;
  start: number;
  dropLast: boolean;
  refill: boolean;
}

/** An epoch as the loader runs it: failures become known `ahead` portions late. */
function run({ order, bad, batchSize, ahead, start, dropLast, refill }: Problem): number[][] {
  const known = new Set<number>();
  const isBad = (index: number) => known.has(index);
  const queue = new SampleQueue(order, { batchSize, start, dropLast, refill, isBad });
  const underWay: QueuedSample[][] = [];
  const batches: number[][] = [];
  let rest: { readable: boolean; index: number }[] = [];
  const begin = () => {
    const portion = queue.next();
    if (portion) underWay.push(portion);
  };
  for (let i = 0; i <= ahead; i += 1) begin();
  for (let portion = underWay.shift(); portion; portion = underWay.shift()) {
    const entries = portion.map(({ index }) => ({ index, readable: !bad.includes(index) }));
    for (const { index, readable } of entries) {
      if (readable) continue;
      queue.reportUnreadable();
      known.add(index);
    }
    const grouped = groupReadable(rest, entries, batchSize);
    rest = grouped.rest;
    for (const group of grouped.groups) batches.push(indicesOf(group));
    begin();
  }
  const left = indicesOf(rest);
  return left.length === 0 || dropLast ? batches : [...batches, left];
}

function indicesOf(entries: { readable: boolean; index: number }[]): number[] {
  return entries.filter(({ readable }) => readable).map(({ index }) => index);
}

const problems = fc.record({
  order: fc.array(fc.nat(12), { minLength: 1, maxLength: 40 }),
  bad: fc.array(fc.nat(12), { maxLength: 6 }),
  batchSize: fc.integer({ min: 1, max: 7 }),
  ahead: fc.nat(4),
  start: fc.constant(0),
  dropLast: fc.boolean(),
  refill: fc.constant(false),
});

describe("an epoch with unreadable samples", () => {
  it("has the readable ones in order, in full batches, however far ahead it reads", () => {
    fc.assert(
      fc.property(problems, (problem) => {
        const good = problem.order.filter((index) => !problem.bad.includes(index));
        const batches = run(problem);
        const { batchSize, dropLast } = problem;
        const count = dropLast ? good.length - (good.length % batchSize) : good.length;
        expect(batches.flat()).to.deep.equal(good.slice(0, count));
        batches.slice(0, -1).forEach((batch) => expect(batch).to.have.length(batchSize));
      }),
      { seed: 5, numRuns: 500 },
    );
  });

  it("has as many samples as its order, from the start again, where every process needs as many batches", () => {
    fc.assert(
      fc.property(problems, (problem) => {
        const readable = problem.order.some((index) => !problem.bad.includes(index));
        const seen = run({ ...problem, refill: true, dropLast: false }).flat();
        expect(seen).to.have.length(readable ? problem.order.length : 0);
      }),
      { seed: 6, numRuns: 500 },
    );
  });

  it("says how often a sample came before, also after the start", () => {
    const options = { batchSize: 2, dropLast: false, refill: false, isBad: () => false };
    const fromStart = new SampleQueue([3, 3, 1, 3], { ...options, start: 0 });
    const resumed = new SampleQueue([3, 3, 1, 3], { ...options, start: 2 });
    const expected = [
      { position: 2, index: 1, occurrence: 0 },
      { position: 3, index: 3, occurrence: 2 },
    ];
    fromStart.next();
    expect(fromStart.next()).to.deep.equal(expected);
    expect(resumed.next()).to.deep.equal(expected);
    expect(resumed.next()).to.equal(undefined);
  });
});
