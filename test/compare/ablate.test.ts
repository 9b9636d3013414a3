import { expect } from "chai";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ABLATIONS, ablate, comparisonTable, type AblationRun } from "mutual-channel-loss/report";
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

  it("compares other losses, and takes more rows later, with each one's mean place", async () => {
    const output = join(folder(), "losses");
    const finals: Record<string, number[]> = { ce: [0.5, 0.6], focal: [0.7, 0.6], pairs: [0.4, 0.8] };
    const train = async ({ name, loss, seed, output }: AblationRun) => {
      await writeRun(output, { seed, loss, accuracies: [finals[name]![seed]!] });
    };
    const losses = { ce: "ce", focal: { type: "focal" } } as const;
    const both = await ablate({ train, seeds: [0, 1], output, losses });
    expect(both.groups.map(({ rank }) => rank)).to.deep.equal([1.75, 1.25]);
    const more = { ...losses, pairs: { type: "pairwiseConfusion" } } as const;
    const { groups } = await ablate({ train, seeds: [0, 1], output, losses: more });
    expect(groups.map(({ label, rank }) => [label, rank])).to.deep.equal([
      ["cross-entropy", 2.25],
      ["focal loss γ 2", 1.75],
      ["pairwise confusion λ 10", 2],
    ]);
    expect(comparisonTable({ groups })).to.match(/ rank\n(.* 2\.[23]\n)(.* 1\.8\n)(.* 2\.0)$/);
    const other = { ...losses, focal: { type: "focal", gamma: 3 } } as const;
    const changed = await rejected(ablate({ train, seeds: [0, 1], output, losses: other }));
    expect(changed.message).to.contain("another loss.gamma: 2, now 3");
    for (const odd of [{}, { "a/b": "ce" }, { a: { type: "hinge" } }]) {
      const wrong = ablate({ train, seeds: [0], output, losses: odd as never });
      expect((await rejected(wrong)).code).to.equal("ERR_ARGUMENT");
    }
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
