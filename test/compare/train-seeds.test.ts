import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { trainSeeds, type SeedRun, type SeriesSummary } from "mutual-channel-loss/report";
import { seriesTable } from "#lib/compare/summarize-series.js";
import { writeTable, writeTableFiles } from "#lib/compare/write-table.js";
import { FileLock } from "#lib/io/file-lock.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { writeRun } from "../support/write-run.js";

const folder = temporaryFolder();

/** Instead of training: the second epoch is the best. */
async function pretend({ seed, output }: SeedRun): Promise<void> {
  await writeRun(output, { seed, accuracies: [0.5, 0.7 + seed / 100, 0.6 + seed / 100] });
}

describe("trainSeeds", () => {
  let summary: SeriesSummary;
  const output = () => join(folder(), "seeds");

  before(async () => {
    summary = await trainSeeds({
      train: pretend,
      seeds: [0, 1, 2],
      output: output(),
      settings: { recipe: "a" },
    });
  });

  it("adds up what the runs deliver, and what they had after the last epoch", () => {
    const { runs, accuracy, last, training } = summary;
    expect(runs.map(({ name, epoch, epochs, finished }) => [name, epoch, epochs, finished])).to.deep.equal(
      [0, 1, 2].map((seed) => [`seed ${seed}`, 2, 3, true]),
    );
    expect(accuracy!.mean).to.be.closeTo(0.71, 1e-12);
    expect(accuracy!.std).to.be.closeTo(0.01, 1e-12);
    expect(last!.mean).to.be.closeTo(0.61, 1e-12);
    expect(training).to.deep.equal({ mean: 1, std: 0 });
    expect(summary).to.not.have.property("macroF1");
  });

  it("is written for a terminal, a page, LaTeX and programs", async () => {
    const table = seriesTable(summary, "small-resnet");
    expect(writeTable(table, "text")).to.match(
      /^mean ± std +71\.00 ± 1\.00 +61\.00 ± 1\.00 +100\.00 ± 0\.00$/m,
    );
    expect(writeTable(table, "markdown")).to.match(
      /^\| seed 1 \| 2 of 3 \| 71\.00 \| 61\.00 \| 100\.00 \|$/m,
    );
    expect(writeTable(table, "latex"))
      .to.contain("\\begin{tabular}{lrrrr}")
      .and.contain("mean $\\pm$ std &  & 71.00 $\\pm$ 1.00")
      .and.contain("accuracy \\%");
    await writeTableFiles(output(), table, summary);
    const csv = await readFile(join(output(), "table.csv"), "utf8");
    const [head, , second] = csv.trimEnd().split("\r\n");
    expect(head).to.equal("run,epoch,epochs,accuracy,last,training,folder");
    expect(second).to.equal(`seed 1,2,3,0.71,0.61,1,${summary.runs[1]!.folder}`);
    expect(JSON.parse(await readFile(join(output(), "table.json"), "utf8"))).to.deep.equal(
      JSON.parse(JSON.stringify(summary)),
    );
  });

  it("keeps what is finished, goes on with what was interrupted, and takes other seeds", async () => {
    await writeRun(join(output(), "seed-3"), { seed: 3, accuracies: [0.5], epochs: 3 });
    const seen: [number, boolean][] = [];
    const train = async (run: SeedRun) => {
      seen.push([run.seed, run.resume]);
      await pretend(run);
    };
    const more = await trainSeeds({ train, seeds: [0, 3, 4], output: output(), settings: { recipe: "a" } });
    expect(seen).to.deep.equal([
      [3, true],
      [4, false],
    ]);
    expect(more.runs).to.have.length(3);
  });

  it("refuses other settings, and a folder that another is at work in", async () => {
    const again = (settings: object) =>
      rejected(trainSeeds({ train: pretend, seeds: [0], output: output(), settings: { ...settings } }));
    expect((await again({ recipe: "b" })).message).to.match(
      /holds a series with another recipe: "a", now "b"/,
    );
    const lock = await FileLock.acquire(join(output(), ".lock"));
    const busy = await again({ recipe: "a" });
    await lock!.release();
    expect(busy).to.include({ code: "ERR_IO", argument: "output" });
    expect(busy.message).to.match(/is in use by another/);
  });
});
