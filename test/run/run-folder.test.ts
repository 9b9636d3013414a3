import { expect } from "chai";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ImageFolder, loadModel } from "mutual-channel-loss";
import { compareRuns, writeReport } from "mutual-channel-loss/report";
import { readMetrics } from "#lib/run/epoch-record.js";
import { readRun } from "#lib/run/read-run.js";
import { RunFolder } from "#lib/run/run-folder.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { recordLine, writeRecordedRun } from "../support/recorded-run.js";
import { trainIn } from "../support/run.js";

const folder = temporaryFolder();

describe("a run's folder", () => {
  it("whose run.json is missing, damaged or of another version is refused by all who read it, with what to do", async () => {
    const run = await writeRecordedRun(join(folder(), "damaged"));
    const path = join(run, "run.json");
    const written = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
    const images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors")));
    const { format, ...unmarked } = written;
    const cases: [string, RegExp][] = [
      ["", /is damaged, or another version's \(.*\): bring it back from a copy/],
      ["[]", /is damaged, .*must be an object/],
      [JSON.stringify({ ...written, started: "yesterday" }), /is damaged, .*\(started: /],
      [JSON.stringify({ ...written, options: null }), /is damaged, .*\(options/],
      [JSON.stringify(unmarked), /is damaged, or another version's \(format: /],
      [
        JSON.stringify({ ...written, format: 2 }),
        /is of format 2, and this version reads 1: install the version that wrote it, or a newer one$/,
      ],
    ];
    expect(format).to.equal(1);
    for (const [text, expected] of cases) {
      await writeFile(path, text);
      const readers = [
        () => readRun(run),
        () => compareRuns([run]),
        () => writeReport(run, join(folder(), "report.html")),
        () => trainIn(images, run, { resume: true }),
      ];
      for (const read of readers) {
        const error = await rejected(read());
        expect(error).to.include({ code: "ERR_IO", path });
        expect(error.message).to.match(expected);
        expect(await readFile(path, "utf8")).to.equal(text);
      }
    }
    await rm(path);
    const missing = await rejected(readRun(run));
    expect(missing).to.include({ code: "ERR_IO", path });
    expect(missing.message).to.contain(
      `${run} is not the folder of a run: it has no run.json that can be read`,
    );
  });

  it("whose metrics cannot be read is not taken for one without", async () => {
    const run = await writeRecordedRun(join(folder(), "unreadable"));
    const path = join(run, "metrics.jsonl");
    await rm(path);
    expect((await readRun(run)).epochs).to.deep.equal([]);
    await mkdir(path);
    const error = await rejected(readRun(run));
    expect(error).to.include({ code: "ERR_IO", path });
    expect(error.message).to.match(/^cannot read .*it is a folder/);
    const written = await RunFolder.open(run);
    expect((await rejected(written.keepMetrics(3))).path).to.equal(path);
    await written.close();
  });

  it("has a line for each epoch after a kill between a record and its end", async () => {
    const run = await writeRecordedRun(join(folder(), "torn"), { epochs: 0 });
    const path = join(run, "metrics.jsonl");
    await writeFile(path, recordLine(1) + recordLine(2).trimEnd());
    const written = await RunFolder.open(run);
    expect(await written.keepMetrics(3)).to.deep.equal([]);
    await written.appendMetrics(JSON.parse(recordLine(3)) as Parameters<typeof written.appendMetrics>[0]);
    await written.close();
    const { lines, ended } = await readMetrics(run);
    expect(lines.map(({ epoch }) => epoch?.epoch)).to.deep.equal([1, 2, 3]);
    expect(ended).to.equal(true);
  });

  it("that has lost a checkpoint, or is none, is no model", async () => {
    const run = await writeRecordedRun(join(folder(), "bare"));
    const bare = await rejected(loadModel(run));
    expect(bare).to.include({ code: "ERR_CHECKPOINT", path: run });
    expect(bare.message).to.match(
      /is a run without a checkpoint: its first epoch has not ended, or the file is lost/,
    );
    const none = await rejected(loadModel(folder()));
    expect(none.message).to.match(/is not the folder of a run\. Give the folder of a run/);
  });

  it("of a version that wrote options without their defaults goes on", async () => {
    const images = await ImageFolder.open(await writeColorFolder(join(folder(), "older-colors"), 8));
    const run = join(folder(), "older");
    await trainIn(images, run, { epochs: 1 });
    const path = join(run, "run.json");
    const info = JSON.parse(await readFile(path, "utf8")) as {
      options: Record<string, unknown>;
      model: object;
    };
    const { epochs, loss, seed, ema, clipNorm } = info.options;
    const optimizer = { type: "adamw", learningRate: 0.01 };
    const options = { epochs, loss, seed, ema, clipNorm, optimizer, schedule: { type: "oneCycle" } };
    await writeFile(path, JSON.stringify({ ...info, model: { name: "small-resnet", classes: 3 }, options }));
    await trainIn(images, run, { epochs: 2, resume: true });
    const { info: now, epochs: made } = await readRun(run);
    expect(made.map(({ epoch }) => epoch)).to.deep.equal([1, 2]);
    expect(now.changes).to.deep.equal([{ epoch: 2, option: "epochs", from: 1, to: 2 }]);
    expect(now.options["optimizer"]).to.include({ type: "adamw", eps: 1e-8 });
  });
});
