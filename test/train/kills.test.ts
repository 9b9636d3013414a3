import { expect } from "chai";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DataLoader, evaluate, ImageFolder, loadModel, type TrainingEvent } from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import { type EpochRecord } from "mutual-channel-loss/train";
import { maximum } from "#lib/extremes.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import type { Moment } from "../support/run-to-die.js";
import { trainIn } from "../support/run.js";

const folder = temporaryFolder();
let images: ImageFolder;
let whole: string;

before(async () => {
  images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors")));
  whole = join(folder(), "whole");
  await trainIn(images, whole);
});

const checkpoint = (output: string, kind: "best" | "last") =>
  join(output, "checkpoints", `${kind}.safetensors`);

async function die(output: string, moment: Moment): Promise<void> {
  const name = `../support/run-to-die${extname(import.meta.url)}`;
  const script = fileURLToPath(new URL(name, import.meta.url));
  const options = [...process.execArgv, script, join(folder(), "colors"), output, JSON.stringify(moment)];
  const child = spawn(process.execPath, options, { stdio: ["ignore", "ignore", "inherit"] });
  expect(await once(child, "exit")).to.deep.equal([null, "SIGKILL"]);
}

async function recordsOf(output: string): Promise<EpochRecord[]> {
  const text = await readFile(join(output, "metrics.jsonl"), "utf8").catch(() => "");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as EpochRecord);
}

async function resume(output: string): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  await trainIn(images, output, { resume: true, onEvent: (event) => events.push(event) });
  return events;
}

async function expectWhole(output: string): Promise<void> {
  for (const kind of ["best", "last"] as const) {
    const [made, expected] = [
      await readFile(checkpoint(output, kind)),
      await readFile(checkpoint(whole, kind)),
    ];
    expect(made.equals(expected), kind).to.equal(true);
  }
  expect((await recordsOf(output)).map(({ epoch }) => epoch)).to.deep.equal([1, 2, 3]);
}

describe("a run that is killed", () => {
  const MOMENTS: Moment[] = [
    { file: "best.safetensors", time: 1, when: "before" },
    { file: "best.safetensors", time: 1, when: "after" },
    { file: "metrics.jsonl", time: 1, when: "after" },
    { file: "last.safetensors", time: 1, when: "before" },
    { file: "last.safetensors", time: 1, when: "after" },
    { file: "metrics.jsonl", time: 2, when: "before" },
    { file: "last.safetensors", time: 3, when: "before" },
  ];
  for (const moment of MOMENTS) {
    const { file, time, when } = moment;
    it(`${when} ${file} is written (${time}) has no record better than its best, and ends as an uninterrupted one`, async () => {
      const output = join(folder(), `${file}-${time}-${when}`);
      await die(output, moment);
      const recorded = (await recordsOf(output)).map(({ validation }) => validation!.accuracy);
      if (recorded.length > 0) {
        using best = await loadModel(output);
        const held = new DataLoader(images, { batchSize: 8, transforms: [resize(32), normalize()] });
        expect((await evaluate(best, held)).accuracy).to.be.at.least(maximum(recorded));
      }
      await resume(output);
      await expectWhole(output);
    });
  }

  it("and whose best checkpoint is lost or stale has it again after a resume, as far as that can be", async () => {
    const output = join(folder(), "lost");
    await trainIn(images, output, { epochs: 1 });
    const best = checkpoint(output, "best");
    const expected = await readFile(best);
    for (const damage of [() => rm(best), () => writeFile(best, expected.subarray(0, 1000))]) {
      await damage();
      const events: TrainingEvent[] = [];
      await trainIn(images, output, { epochs: 1, resume: true, onEvent: (event) => events.push(event) });
      expect((await readFile(best)).equals(expected)).to.equal(true);
      expect(events).to.have.length(1);
      expect(events[0]).to.deep.include({ type: "notice" });
      expect(JSON.stringify(events[0])).to.match(/epoch 1's was written again/);
    }
  });

  it("tells which epochs' records are lost, and keeps the others", async () => {
    const output = join(folder(), "gap");
    await trainIn(images, output);
    const metrics = join(output, "metrics.jsonl");
    const [first, , third] = (await readFile(metrics, "utf8")).split("\n");
    await writeFile(metrics, `${first}\n${third}\n{"epo`);
    const events: TrainingEvent[] = [];
    await trainIn(images, output, { resume: true, onEvent: (event) => events.push(event) });
    expect(events.map((event) => (event.type === "notice" ? event.reason : event.type))).to.deep.equal([
      "metrics.jsonl has no record of epoch 2 any more. Training goes on; for the figures, bring the file back from a copy " +
        "once it has ended",
    ]);
    expect((await recordsOf(output)).map(({ epoch }) => epoch)).to.deep.equal([1, 3]);
  });
});
