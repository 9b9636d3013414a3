import { expect } from "chai";
import { spawnSync } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { fileURLToPath } from "node:url";
import type { TrainingEvent } from "mutual-channel-loss";
import { tensorBoard, track } from "mutual-channel-loss/report";
import { crc32c } from "#lib/io/crc32c.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";

const SCRIPT = fileURLToPath(new URL("../support/read_tensorboard.py", import.meta.url));
const folder = temporaryFolder();

const STEP = { type: "step", epoch: 1, steps: 4, images: 8, learningRate: 0.5, dataSeconds: 0 } as const;
const TRAIN = { loss: 2, crossEntropy: 1.5, accuracy: 0.25 };
const EPOCH = {
  type: "epoch",
  epochs: 2,
  seconds: 1,
  imagesPerSecond: 16,
  dataShare: 0,
  skipped: 0,
  nonFinite: 0,
  train: TRAIN,
} as const;

const EVENTS: TrainingEvent[] = [
  { ...STEP, ...TRAIN, step: 1, loss: 4 },
  { ...STEP, ...TRAIN, step: 2, loss: 3 },
  { ...EPOCH, epoch: 1 },
  { type: "notice", reason: "as it was not asked for" },
  { ...STEP, ...TRAIN, epoch: 2, step: 3, loss: 2.5 },
  { ...EPOCH, epoch: 2 },
];
const SETTINGS = {
  seed: 0,
  off: false,
  epochs: 2,
  loss: { beta: 1.5 },
  name: "ä <b>",
  tf32: true,
  list: [1, 2],
};

async function write(output: string, events: readonly TrainingEvent[] = EVENTS): Promise<string> {
  const png = await sharp({ create: { width: 5, height: 3, channels: 3, background: "red" } })
    .png()
    .toBuffer();
  const pictures = () => Promise.resolve([{ tag: "channels/wren", png }]);
  const board = await tensorBoard(output, { settings: SETTINGS, pictures });
  for (const event of events) await board(event);
  await board.close();
  await board.close();
  return board.path;
}

/** The records of a TFRecord file, whose checksums are right. */
function recordsOf(file: Buffer): Buffer[] {
  const masked = (bytes: Buffer) => {
    const checksum = crc32c(bytes);
    return (((checksum >>> 15) | (checksum << 17)) + 0xa282ead8) >>> 0;
  };
  const records: Buffer[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    expect(file.readUInt32LE(at + 8)).to.equal(masked(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(file.readUInt32LE(at + 12 + length)).to.equal(masked(data));
    records.push(data);
    at += 16 + length;
  }
  return records;
}

interface Read {
  scalars: Record<string, [step: number, value: number][]>;
  images: Record<string, [step: number, width: number, height: number][]>;
  texts: Record<string, string[]>;
  settings: Record<string, unknown>;
  ended: boolean;
}

describe("CRC-32C", () => {
  it("has the values of RFC 3720", () => {
    expect(crc32c(Buffer.alloc(32))).to.equal(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).to.equal(0x62a8ab43);
    expect(crc32c(Buffer.from("123456789"))).to.equal(0xe3069283);
  });
});

describe("tensorBoard", () => {
  it("writes one whole record for each event, as it happens", async () => {
    const path = await write(join(folder(), "records"));
    expect(path).to.match(/events\.out\.tfevents\.\d{10}\./);
    const records = recordsOf(await readFile(path));
    expect(records[0]!.includes("brain.Event:2")).to.equal(true);
    const tags = ["step/loss", "epoch/train/accuracy", "channels/wren", "_hparams_/session_end_info"];
    for (const tag of tags)
      expect(
        records.some((record) => record.includes(tag)),
        tag,
      ).to.equal(true);
  });

  it("is read by TensorBoard", async function () {
    const found = spawnSync("python3", ["-c", "import tensorboard"], { encoding: "utf8" });
    if (found.status !== 0) {
      this.test!.title += " (skipped: python3 has no tensorboard)";
      this.skip();
    }
    const output = join(folder(), "read");
    await write(output);
    const { stdout, stderr } = spawnSync("python3", [SCRIPT, output], { encoding: "utf8" });
    expect(stdout, stderr).to.match(/^\{/);
    const { scalars, images, texts, settings, ended } = JSON.parse(stdout) as Read;
    expect(scalars["step/loss"]).to.deep.equal([
      [1, 4],
      [2, 3],
      [3, 2.5],
    ]);
    expect(scalars["epoch/train/accuracy"]).to.deep.equal([
      [2, 0.25],
      [3, 0.25],
    ]);
    expect(scalars["epoch/skipped"]).to.deep.equal([
      [2, 0],
      [3, 0],
    ]);
    expect(scalars["step/learningRate"]).to.have.length(3);
    expect(images["channels/wren"]).to.deep.equal([
      [2, 5, 3],
      [3, 5, 3],
    ]);
    expect(texts["settings/text_summary"]![0]).to.contain("    epochs: 2\n    loss:\n      beta: 1.5");
    expect(texts["notices/text_summary"]).to.deep.equal(["as it was not asked for"]);
    expect(settings).to.deep.equal({
      ...{ seed: 0, off: false, epochs: 2, "loss.beta": 1.5, name: "ä <b>", tf32: true, list: "[1,2]" },
    });
    expect(ended).to.equal(true);
  });

  it("begins a file of its own for a run that goes on, from where it goes on", async () => {
    const output = join(folder(), "resumed");
    await write(output, EVENTS.slice(0, 2));
    const second = await write(output, EVENTS.slice(4));
    expect(await readdir(output)).to.have.length(2);
    // SessionLog.START, with the step.
    const records = recordsOf(await readFile(second));
    const start = Buffer.from([0x10, 3, 0x3a, 2, 8, 1]);
    expect(records.filter((record) => record.includes(start))).to.have.length(1);
  });

  it("refuses pictures that are no PNG, and a folder that cannot be written", async () => {
    const pictures = () => Promise.resolve([{ tag: "a", png: Buffer.from("jpeg") }]);
    await using board = await tensorBoard(join(folder(), "bad"), { pictures });
    const error = await rejected(Promise.resolve(board(EVENTS[2]!)));
    expect(error).to.include({ code: "ERR_ARGUMENT", argument: "pictures" });
    const path = await write(join(folder(), "file"));
    expect(await rejected(tensorBoard(path))).to.include({ code: "ERR_IO" });
  });
});

describe("track", () => {
  async function* events(): AsyncGenerator<TrainingEvent, string, void> {
    await Promise.resolve();
    yield* EVENTS;
    return "result";
  }

  it("tells trackers each event before it is told, and gives what the run comes to", async () => {
    const seen: string[] = [];
    const run = track(events(), [
      (event) => void seen.push(`first ${event.type}`),
      async (event) => {
        await Promise.resolve();
        seen.push(`second ${event.type}`);
      },
    ]);
    let next = await run.next();
    expect(seen).to.deep.equal(["first step", "second step"]);
    while (!next.done) next = await run.next();
    expect(next.value).to.equal("result");
    expect(seen).to.have.length(2 * EVENTS.length);
  });

  it("ends the run where a tracker throws, or the loop is left", async () => {
    let closed = 0;
    const run = () => {
      const inner = events();
      const own: typeof inner = Object.create(inner, {
        next: { value: () => inner.next() },
        return: { value: (value: string) => ((closed += 1), inner.return(value)) },
      }) as typeof inner;
      return own;
    };
    const failing = track(run(), [
      () => {
        throw new Error("full");
      },
    ]);
    const message = failing.next().then(
      () => "none",
      (error: unknown) => (error as Error).message,
    );
    expect(await message).to.equal("full");
    for await (const event of track(run(), [])) {
      expect(event.type).to.equal("step");
      break;
    }
    expect(closed).to.equal(2);
  });
});
