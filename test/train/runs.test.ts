import { expect } from "chai";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";
import {
  DataLoader,
  ImageFolder,
  loadModel,
  Model,
  smallResNet,
  Trainer,
  type ModelSpec,
  type TrainerOptions,
} from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import { type EpochRecord, type RunInfo } from "mutual-channel-loss/train";
import { rejected } from "../support/errors.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { loaderOf, networkOf, OPTIONS, trainIn } from "../support/run.js";

const folder = temporaryFolder();
let images: ImageFolder;

before(async () => {
  images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors")));
});

const network = () => networkOf(images);
const loader = () => loaderOf(images);
const train = (output: string, options?: Parameters<typeof trainIn>[2]) => trainIn(images, output, options);

async function bytes(output: string): Promise<Buffer> {
  return readFile(join(output, "checkpoints", "last.safetensors"));
}

async function records(output: string): Promise<EpochRecord[]> {
  const text = await readFile(join(output, "metrics.jsonl"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as EpochRecord);
}

/** A record without what depends on the clock. */
function timeless({ time, seconds, imagesPerSecond, dataShare, ...record }: EpochRecord) {
  return record;
}

describe("a run", () => {
  it("leaves run.json, a line of metrics an epoch and checkpoints", async () => {
    const output = join(folder(), "whole");
    await train(output);
    expect((await readdir(output)).sort()).to.deep.equal([
      ".lock",
      "checkpoints",
      "metrics.jsonl",
      "run.json",
    ]);
    const info = JSON.parse(await readFile(join(output, "run.json"), "utf8")) as RunInfo;
    const { loss, ...options } = OPTIONS;
    expect(info.options["optimizer"]).to.deep.include(options.optimizer);
    expect(info.options["schedule"]).to.deep.include(options.schedule);
    const { epochs, ema, clipNorm } = options;
    expect(info.options).to.deep.include({ epochs, ema, clipNorm, seed: 0, accumulate: 1, onNan: "stop" });
    expect(info.options["loss"]).to.deep.equal({
      type: "mc",
      ...(loss as object),
      keep: { drop: 0.5 },
      perSample: false,
      pooling: "max",
      diversityPooling: "max",
      diversityOver: "classes",
      classification: { type: "ce", labelSmoothing: 0 },
    });
    expect(info.versions.node).to.equal(process.version);
    const lines = await records(output);
    expect(lines.map(({ epoch, step }) => [epoch, step])).to.deep.equal([
      [1, 3],
      [2, 6],
      [3, 9],
    ]);
    expect(
      lines.every(({ validation }) => validation!.accuracy >= 0 && !("confusion" in validation!)),
    ).to.equal(true);
    const [best] = lines.map(({ validation }) => validation!.accuracy).sort((a, b) => b - a);
    expect(best).to.be.above(0.3);
    expect((await loadModel(output)).info.classNames).to.deep.equal(images.classes);
  });

  for (const stopAfter of [3, 4]) {
    const place = stopAfter === 3 ? "at an epoch's end" : "in the middle of an epoch";
    it(`interrupted ${place} and resumed ends bit for bit as an uninterrupted one`, async () => {
      const [whole, parted] = [join(folder(), "whole"), join(folder(), `parted-${stopAfter}`)];
      if (!existsSync(whole)) await train(whole);
      expect((await rejected(train(parted, { stopAfter }))).code).to.equal("ERR_ABORTED");
      await train(parted, { resume: true });
      expect((await bytes(parted)).equals(await bytes(whole))).to.equal(true);
      expect((await records(parted)).map(timeless)).to.deep.equal((await records(whole)).map(timeless));
    });
  }

  it("killed at any moment goes on from its last checkpoint, to the same end", async () => {
    const [whole, killed] = [join(folder(), "whole"), join(folder(), "killed")];
    if (!existsSync(whole)) await train(whole);
    const name = `../support/run-to-kill${extname(import.meta.url)}`;
    const script = fileURLToPath(new URL(name, import.meta.url));
    const child = spawn(process.execPath, [...process.execArgv, script, join(folder(), "colors"), killed], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    await train(killed, { resume: true });
    expect((await bytes(killed)).equals(await bytes(whole))).to.equal(true);
  });

  it("is refused while another training has its folder", async () => {
    const output = join(folder(), "busy");
    const first = new Trainer(network(), { ...OPTIONS, output }).fit(loader());
    await first.next();
    const error = await rejected(new Trainer(network(), { ...OPTIONS, output }).fit(loader()).next());
    expect(error).to.include({ code: "ERR_IO", argument: "output", path: output });
    expect(error.message).to.contain("is in use by another training");
    await first.return();
    const again = new Trainer(network(), { ...OPTIONS, output }).fit(loader(), { resume: true });
    expect((await again.next()).done).to.equal(false);
    await again.return();
  });

  it("does not replace another one, unless it may", async () => {
    const output = join(folder(), "held");
    await train(output, { epochs: 2 });
    const before = await Promise.all([bytes(output), records(output)]);
    const error = await rejected(train(output, { epochs: 1 }));
    expect(error).to.include({ code: "ERR_IO", argument: "output", path: output });
    expect(error.message).to.match(
      /holds a run already: go on with it \(\{ resume: true \}\), .* or delete it \(\{ overwrite: true \}\)/,
    );
    expect(await Promise.all([bytes(output), records(output)])).to.deep.equal(before);

    const events = new Trainer(network(), { ...OPTIONS, output, overwrite: true }).fit(loader());
    await events.next();
    await events.return();
    expect(await readdir(join(output, "checkpoints"))).to.deep.equal(["last.safetensors"]);
    expect((await bytes(output)).equals(before[0])).to.equal(false);
    const info = JSON.parse(await readFile(join(output, "run.json"), "utf8")) as RunInfo;
    expect(info.options.epochs).to.equal(OPTIONS.epochs);
  });

  it("goes on only with the network and the options that it was started with", async () => {
    const output = join(folder(), "changed");
    await rejected(train(output, { stopAfter: 2 }));
    const resume = (options: TrainerOptions, model = network()) =>
      rejected(new Trainer(model, { ...OPTIONS, ...options, output }).fit(loader(), { resume: true }).next());
    const optimizer = { type: "rmsprop", learningRate: 0.01 } as const;
    const changed = await resume({ optimizer });
    expect(changed).to.include({ code: "ERR_ARGUMENT", argument: "optimizer.type" });
    expect(changed.message).to.match(/is "adamw" in the run in .* and cannot become "rmsprop"/);
    expect((await resume({ loss: { beta: 3 } })).argument).to.equal("loss.beta");
    const other = smallResNet({ classes: 3, channelsPerClass: 3, inputSize: 32, width: 8 });
    expect((await resume({}, other)).message).to.contain("is of another network");
    const homeless = new Trainer(network(), OPTIONS).fit(loader(), { resume: true });
    expect((await rejected(homeless.next())).argument).to.equal("resume");
  });

  it("names a last checkpoint whose record of the run is damaged", async () => {
    const output = join(folder(), "record");
    await train(output, { epochs: 1 });
    const path = join(output, "checkpoints", "last.safetensors");
    const whole = await readFile(path);
    const flipped = Buffer.from(whole);
    flipped[whole.length - 1]! ^= 1;
    await writeFile(path, flipped);
    const unlike = await rejected(
      new Trainer(network(), { ...OPTIONS, output }).fit(loader(), { resume: true }).next(),
    );
    expect(unlike).to.include({ code: "ERR_CHECKPOINT", path });
    expect(unlike.message).to.match(/is damaged \(its CRC-32 is/);
    const none = Buffer.from(whole);
    none.write("some-other", none.indexOf("whole-file-crc32"));
    await writeFile(path, none);
    const unchecked = await rejected(
      new Trainer(network(), { ...OPTIONS, output }).fit(loader(), { resume: true }).next(),
    );
    expect(unchecked).to.include({ code: "ERR_CHECKPOINT", path });
    expect(unchecked.message).to.match(/last\.safetensors has no checksum \(.*\): bring it back from a copy/);
    for (const [key, other] of [
      ['\\"epoch\\":', '\\"epochs\\"'],
      ['{\\"epoch\\"', '[\\"epoch\\"'],
    ] as const) {
      const damaged = Buffer.from(whole);
      expect(damaged.indexOf(key)).to.be.above(0);
      damaged.write(other, damaged.indexOf(key));
      writeChecksum(damaged);
      await writeFile(path, damaged);
      const trainer = new Trainer(network(), { ...OPTIONS, output });
      const error = await rejected(trainer.fit(loader(), { resume: true }).next());
      expect(error).to.include({ code: "ERR_CHECKPOINT", path });
      expect(error.message).to.match(/^cannot go on from .*last\.safetensors: it is damaged \(/);
    }
  });

  it("removes what killed trainings left of their files", async () => {
    const output = join(folder(), "left");
    const left = [output, join(output, "checkpoints")].map((at) => join(at, `x.json.tmp-${randomUUID()}`));
    await mkdir(join(output, "checkpoints"), { recursive: true });
    for (const path of [...left, join(output, "notes.tmp-1")]) await writeFile(path, "");
    await train(output, { epochs: 1 });
    expect(left.filter((path) => existsSync(path))).to.deep.equal([]);
    expect(existsSync(join(output, "notes.tmp-1"))).to.equal(true);
  });

  it("refuses a folder that is a file's", async () => {
    const file = join(folder(), "occupied");
    await writeFile(file, "");
    const error = await rejected(new Trainer(network(), { ...OPTIONS, output: file }).fit(loader()).next());
    expect(error).to.include({ code: "ERR_IO", argument: "output", path: file });
  });
});

/** Makes the checksum in a checkpoint's bytes that of the rest. */
function writeChecksum(bytes: Buffer): void {
  const at = bytes.indexOf("whole-file-crc32") + 'whole-file-crc32":"'.length;
  bytes.write("00000000", at);
  bytes.write(crc32(bytes).toString(16).padStart(8, "0"), at);
}

describe("Trainer options", () => {
  it("onNan: skip counts steps whose loss is not finite and updates nothing in them", async () => {
    const model = network();
    const before = await weightsOf(model);
    const trainer = new Trainer(model, { epochs: 1, optimizer: { learningRate: 1e30 }, onNan: "skip" });
    const events = [];
    for await (const event of trainer.fit(loader())) events.push(event);
    const epoch = events.find((event) => event.type === "epoch")!;
    expect(epoch.nonFinite).to.equal(2);
    expect(Number.isFinite(epoch.train.loss)).to.equal(true);
    expect(await weightsOf(model)).to.not.deep.equal(before);
  });

  for (const precision of ["bfloat16", "float16"] as const) {
    it(`precision: ${precision} learns, with float32 weights`, async () => {
      const model = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8 });
      const optimizer = { learningRate: 0.02, momentum: 0.9 };
      const trainer = new Trainer(model, { epochs: 6, precision, optimizer, loss: { beta: 2 } });
      const losses: number[] = [];
      for await (const event of trainer.fit(loader())) {
        if (event.type === "epoch") losses.push(event.train.loss);
      }
      expect(losses.at(-1)).to.be.below(losses[0]!);
      expect(model.state()[0]!.tensor.dtype).to.equal("float32");
    });
  }

  it("accumulate: n batches make the update of one n times as large", async () => {
    const run = async (batchSize: number, accumulate: number) => {
      const model = new Model(LINEAR);
      const trainer = new Trainer(model, {
        epochs: 2,
        loss: "ce",
        accumulate,
        optimizer: { learningRate: 0.1, momentum: 0.9 },
        schedule: { type: "constant" },
      });
      const transforms = [resize(4), normalize()];
      await trainer.fit(new DataLoader(images, { batchSize, transforms }));
      return weightsOf(model);
    };
    const [large, small] = [await run(24, 1), await run(8, 3)];
    small.forEach((value, i) => expect(value).to.be.closeTo(large[i]!, 1e-6));
  });

  it("clipNorm bounds what one step changes", async () => {
    const model = new Model(LINEAR);
    const before = await weightsOf(model);
    const trainer = new Trainer(model, {
      epochs: 1,
      loss: "ce",
      clipNorm: 1e-3,
      optimizer: { learningRate: 1 },
      schedule: { type: "constant" },
    });
    const transforms = [resize(4), normalize()];
    await trainer.fit(new DataLoader(images, { batchSize: 24, transforms }));
    const after = await weightsOf(model);
    const moved = Math.sqrt(after.reduce((sum, value, i) => sum + (value - before[i]!) ** 2, 0));
    expect(moved).to.be.closeTo(1e-3, 1e-5);
  });

  it("are named where they are wrong", () => {
    const argument = (options: TrainerOptions) => {
      try {
        new Trainer(network(), options);
        return undefined;
      } catch (error) {
        return (error as { argument?: string }).argument;
      }
    };
    expect(argument({ accumulate: 0 })).to.equal("accumulate");
    expect(argument({ clipNorm: -1 })).to.equal("clipNorm");
    expect(argument({ precision: "half" as never })).to.equal("precision");
    expect(argument({ onNan: "ignore" as never })).to.equal("onNan");
  });
});

/** No normalisation, whose statistics depend on the batch. */
const LINEAR: ModelSpec = {
  format: 1,
  name: "linear",
  input: { channels: 3, height: 4, width: 4 },
  classes: 3,
  groups: [],
  layers: [
    { type: "identity", name: "features" },
    { type: "flatten", name: "flatten" },
    { type: "linear", name: "fc", inFeatures: 48, outFeatures: 3 },
  ],
  features: "features",
};

async function weightsOf(model: Model): Promise<number[]> {
  const all = await Promise.all(model.parameters().map((parameter) => parameter.data()));
  return all.flatMap((data) => Array.from(data, Number));
}
