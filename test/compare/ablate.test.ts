import { expect } from "chai";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ABLATIONS, ablate, type AblationRun } from "mutual-channel-loss/report";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { writeRun } from "../support/write-run.js";

const folder = temporaryFolder();

/** Instead of training: a run whose accuracy tells its row and its seed. */
async function pretend({ name, loss, seed, output }: AblationRun): Promise<void> {
  const row = Object.keys(ABLATIONS).indexOf(name);
  await writeRun(output, { seed, loss, accuracies: [0.5 + row / 100 + (seed % 2) / 1000] });
}

describe("ablate", () => {
  it("trains every row with every seed, then compares them", async () => {
    const seen: AblationRun[] = [];
    const output = join(folder(), "whole");
    const train = (run: AblationRun) => {
      seen.push(run);
      return pretend(run);
    };
    const { groups } = await ablate({ train, seeds: [0, 1], output, loss: { alpha: 1, beta: 5 } });
    expect(seen).to.have.length(12);
    expect(seen.every(({ resume }) => !resume)).to.equal(true);
    expect(groups.map(({ label }) => label)).to.deep.equal([
      "cross-entropy",
      "MC-Loss α 1 β 5",
      "MC-Loss α 1 β 5, no CWA",
      "MC-Loss α 1 β 5, CCAP",
      "MC-Loss α 1, no diversity",
      "MC-Loss β 5, no discriminality",
    ]);
    expect(groups.map(({ final }) => Math.round(1e4 * final.mean))).to.deep.equal([
      5005, 5105, 5205, 5305, 5405, 5505,
    ]);
    expect(groups.slice(1).every(({ gain }) => gain?.final.pairs === 2)).to.equal(true);
  });

  it("keeps what is finished, and goes on with what was interrupted", async () => {
    const output = join(folder(), "parted");
    let left = 4;
    const stopping = async (run: AblationRun) => {
      left -= 1;
      if (left > 0) return pretend(run);
      await mkdir(join(run.output, "checkpoints"), { recursive: true });
      await writeFile(join(run.output, "run.json"), "{}");
      await writeFile(join(run.output, "checkpoints", "last.safetensors"), "");
      throw new Error("stopped");
    };
    await ablate({ train: stopping, seeds: [0, 1], output }).catch(() => undefined);
    const seen: [string, number, boolean][] = [];
    const train = (run: AblationRun) => {
      seen.push([run.name, run.seed, run.resume]);
      return pretend(run);
    };
    await ablate({ train, seeds: [0, 1], output });
    expect(seen).to.have.length(9);
    expect(seen.slice(0, 2)).to.deep.equal([
      ["mc", 1, true],
      ["no-cwa", 0, false],
    ]);
    // More seeds are added to it.
    seen.length = 0;
    await ablate({ train, seeds: [0, 1, 2], output });
    expect(seen.map(([, seed]) => seed)).to.deep.equal([2, 2, 2, 2, 2, 2]);
  });

  it("refuses other settings in the same folder, and bad seeds", async () => {
    const output = join(folder(), "settings");
    await ablate({ train: pretend, seeds: [0], output, settings: { epochs: 3 } });
    const changed = await rejected(ablate({ train: pretend, seeds: [0], output, settings: { epochs: 4 } }));
    expect(changed.argument).to.equal("output");
    expect(changed.message).to.contain("another epochs: 3, now 4");
    const loss = { beta: 1 };
    const other = await rejected(
      ablate({ train: pretend, seeds: [0], output, loss, settings: { epochs: 3 } }),
    );
    expect(other.message).to.contain("another loss");
    await rm(join(output, "ablation.json"));
    await writeFile(join(output, "ablation.json"), "{");
    expect((await rejected(ablate({ train: pretend, seeds: [0], output }))).code).to.equal("ERR_IO");
    for (const seeds of [[], [1, 1], [-1], [0.5]]) {
      expect((await rejected(ablate({ train: pretend, seeds, output }))).argument).to.equal("seeds");
    }
  });
});
