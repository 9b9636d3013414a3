import { expect } from "chai";
import { join } from "node:path";
import { ResultFile, trainUnfinished } from "../../bench/study/result-file.js";
import { logged } from "../support/console.js";
import { temporaryFolder } from "../support/images.js";

interface Run {
  seed: number;
}
interface Result extends Run {
  accuracy: number;
}

const folder = temporaryFolder();

describe("the results of a study", () => {
  it("are what has been finished, which is not trained again; no run begins after the deadline", async () => {
    const path = join(folder(), "results.jsonl");
    const file = new ResultFile<Run, Result>(path, ({ seed }) => `${seed}`);
    expect(file.read()).to.deep.equal([]);
    await file.append({ seed: 1, accuracy: 0.5 });
    const trained: number[] = [];
    const train = async ({ seed }: Run): Promise<Result> => {
      trained.push(seed);
      return Promise.resolve({ seed, accuracy: 0.25 });
    };
    const shared = { file, train, describe: () => "" };
    await logged(async () => {
      await trainUnfinished([{ seed: 0 }, { seed: 1 }], { ...shared, deadline: Infinity });
      await trainUnfinished([{ seed: 2 }], { ...shared, deadline: 0 });
    });
    expect(trained).to.deep.equal([0]);
    expect(file.find({ seed: 1 })?.accuracy).to.equal(0.5);
    expect(new ResultFile<Run, Result>(path, ({ seed }) => `${seed}`).read()).to.have.length(2);
  });
});
