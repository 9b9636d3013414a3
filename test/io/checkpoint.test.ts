import { expect } from "chai";
import { mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { fork, spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { loadModel, saveModel, smallResNet, tensor, type Model } from "mutual-channel-loss";
import { loadStateDict, openSafetensors, saveStateDict } from "mutual-channel-loss/tensor";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";

const WRITER = fileURLToPath(new URL("../support/checkpoint-writer.ts", import.meta.url));

const folder = temporaryFolder();

function network(seed = 0): Model {
  return smallResNet({ classes: 3, inputSize: 32, width: 8, seed, info: { classNames: ["a", "b", "c"] } });
}

async function saved(name: string): Promise<string> {
  const path = join(folder(), name);
  await saveModel(network(7), path);
  return path;
}

/** As a program writes it that knows of none. */
function withoutChecksum(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString("latin1").replace("whole-file-crc32", "some-other-crc32"), "latin1");
}

describe("checkpoints", () => {
  it("give back the spec, the info and every tensor", async () => {
    const model = network(7);
    const loaded = await loadModel(await saved("a.safetensors"));
    expect(loaded.spec).to.deep.equal(model.spec);
    expect(loaded.info).to.deep.equal(model.info);
    expect(loaded.training).to.equal(false);
    for (const [i, entry] of model.state().entries()) {
      expect(loaded.state()[i]!.name).to.equal(entry.name);
      expect(await loaded.state()[i]!.tensor.data()).to.deep.equal(await entry.tensor.data());
    }
  });

  it("are safetensors with torchvision's names", async () => {
    await using file = await openSafetensors(await saved("b.safetensors"));
    const { tensors, metadata } = file;
    expect(tensors.get("layer2.downsample.0.weight")?.shape).to.deep.equal([16, 8, 1, 1]);
    expect(tensors.get("bn1.num_batches_tracked")?.dtype).to.equal("int64");
    expect(metadata["format"]).to.equal("mutual-channel-loss/1");
  });

  it("leave no temporary file behind", async () => {
    await saved("c.safetensors");
    expect((await readdir(folder())).filter((name) => name.includes(".tmp"))).to.deep.equal([]);
  });

  it("take what a killed process left of the same file along, once it is a day old", async () => {
    const path = await saved("left.safetensors");
    const [old, young, other] = ["left.safetensors", "left.safetensors", "another.safetensors"].map((name) =>
      join(folder(), `${name}.tmp-${randomUUID()}`),
    ) as [string, string, string];
    for (const name of [old, young, other]) await writeFile(name, "");
    const before = new Date(Date.now() - 25 * 60 * 60 * 1000);
    for (const name of [old, other]) await utimes(name, before, before);
    await saveModel(network(7), path);
    expect([old, young, other].map((name) => existsSync(name))).to.deep.equal([false, true, true]);
    await Promise.all([young, other].map((name) => rm(name)));
  });

  it("are refused when missing, truncated anywhere, empty, foreign or without a spec, naming the file", async () => {
    const path = await saved("d.safetensors");
    const whole = await readFile(path);
    const message = async (prepare: () => Promise<unknown>) => {
      await writeFile(path, whole);
      await prepare();
      const error = await rejected(loadModel(path));
      expect(error).to.include({ code: "ERR_CHECKPOINT", path });
      return error.message;
    };
    expect(await message(() => rm(path))).to.match(/cannot open/);
    expect(await message(() => truncate(path, 0))).to.match(/truncated/);
    expect(await message(() => truncate(path, 100))).to.match(/truncated/);
    expect(await message(() => truncate(path, whole.length - 1))).to.match(/truncated/);
    expect(await message(() => writeFile(path, "PK\x03\x04 this is a zip, not a model"))).to.match(
      /not a safetensors/,
    );
    const other = Buffer.from(JSON.stringify({ x: { dtype: "F32", shape: [1], data_offsets: [0, 4] } }));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(other.length));
    expect(await message(() => writeFile(path, Buffer.concat([length, other, Buffer.alloc(4)])))).to.match(
      /no model spec/,
    );
  });

  it("are refused when a single bit changed, wherever it is", async () => {
    const path = await saved("bit.safetensors");
    const whole = await readFile(path);
    const header = 8 + Number(whole.readBigUInt64LE());
    for (const at of [
      8 + 4,
      8 + 20,
      8 + 30,
      header - 200,
      header,
      header + 1,
      whole.length >> 1,
      whole.length - 1,
    ]) {
      const changed = Buffer.from(whole);
      changed[at]! ^= 4;
      await writeFile(path, changed);
      const error = await rejected(loadModel(path));
      expect(error, `byte ${at}`).to.include({ code: "ERR_CHECKPOINT", path });
    }
    const changed = Buffer.from(whole);
    changed[whole.length - 3]! ^= 1;
    await writeFile(path, changed);
    const errors = [await rejected(loadModel(path)), await rejected(loadStateDict(path))];
    for (const { message } of errors)
      expect(message).to.match(/is damaged \(its CRC-32 is \w{8}, and \w{8} was/);
    await writeFile(path, whole);
    expect((await loadModel(path)).spec.classes).to.equal(3);
  });

  it("have a checksum that no copy of their metadata takes along", async () => {
    await using file = await openSafetensors(await saved("sum.safetensors"));
    expect(Object.keys(file.metadata)).to.have.members(["format", "spec", "info"]);
    const path = join(folder(), "copy.safetensors");
    const tensors = await loadStateDict(join(folder(), "sum.safetensors"));
    const metadata = { ...file.metadata, 0: "comes first in JavaScript", "whole-file-crc32": "12345678" };
    await saveStateDict(path, { ...tensors, "conv1.weight": tensor([1]), 1: tensor([1]) }, { metadata });
    expect(Object.keys(await loadStateDict(path))).to.include("1");
    // Elsewhere than in front it is text that another program took over.
    const text = (await readFile(path)).toString("latin1");
    const sum = /"whole-file-crc32":"\w{8}",/.exec(text)![0];
    const moved = text.replace(sum, "").replace('in JavaScript"', `in JavaScript",${sum.slice(0, -1)}`);
    await writeFile(path, Buffer.from(moved, "latin1"));
    expect(Object.keys(await loadStateDict(path))).to.include("1");
  });

  it("are refused when their spec was changed, naming the layer", async () => {
    const path = await saved("e.safetensors");
    const bytes = withoutChecksum(await readFile(path));
    const changed = Buffer.from(
      bytes.toString("latin1").replace('\\"features\\":9', '\\"features\\":8'),
      "latin1",
    );
    await writeFile(path, changed);
    expect((await rejected(loadModel(path))).message).to.match(
      /bn2 needs an image of 8 channels, got \[9, 4, 4\]/,
    );
  });

  it("are refused when their info is not what it should be", async () => {
    const path = await saved("f.safetensors");
    const text = withoutChecksum(await readFile(path)).toString("latin1");
    await writeFile(path, Buffer.from(text.replace(String.raw`\"c\"]`, "12345]"), "latin1"));
    expect((await rejected(loadModel(path))).message).to.match(/is damaged: classNames\[2\]/);
  });

  it("cannot be written where there is no folder, and say so", async () => {
    const path = join(folder(), "missing", "x.safetensors");
    const error = await rejected(saveModel(network(), path));
    expect(error.code).to.equal("ERR_IO");
    expect(error.message)
      .to.contain(path)
      .and.match(/no such file or directory/i);
  });

  it("keep the old one, and say so, when the disk does not take the new one", async () => {
    const path = await saved("full.safetensors");
    const before = await readFile(path);
    // A limit on file sizes stands in for a full disk: the write fails half-way.
    const limited = `trap '' XFSZ; ulimit -f 8; exec "${process.execPath}" --import tsx "${WRITER}" "${path}"`;
    const child = spawn("bash", ["-c", limited]);
    const output = await text(child.stderr);
    expect(output)
      .to.match(/ERR_IO/)
      .and.match(/cannot write .*full\.safetensors/);
    expect((await readFile(path)).equals(before)).to.equal(true);
    expect((await readdir(folder())).filter((name) => name.includes(".tmp"))).to.deep.equal([]);
  });

  it("keep the old one, and say so, when the disk is full", async function () {
    const path = await saved("whole.safetensors");
    const { size } = await stat(path);
    // A file system of its own that holds one and a half of them; without the right to mount there is none.
    const script = `mount -t tmpfs -o size=${Math.ceil((1.5 * size) / 1024)}k none "$1" || exit 9
      cp "$2" "$1/model"
      "$3" --import tsx "$4" "$1/model"
      cmp "$2" "$1/model" && ls -A "$1"
      exit 0`;
    const disk = await mkdtemp(join(folder(), "disk-"));
    const args = ["-rm", "bash", "-c", script, "bash", disk, path, process.execPath, WRITER];
    const { status, stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8" });
    if (status !== 0) this.skip();
    expect(stderr)
      .to.match(/ERR_IO/)
      .and.match(/cannot write .*model: No space left on device/);
    expect(stdout.trim()).to.equal("model");
  });

  it("are whole whenever the process that writes them is killed", async () => {
    const path = join(folder(), "killed.safetensors");
    for (let i = 0; i < 3; i += 1) {
      const child = fork(WRITER, [path], { execArgv: ["--import", "tsx"] });
      await once(child, "message");
      child.kill("SIGKILL");
      await once(child, "exit");
      expect((await loadModel(path)).spec.classes).to.equal(3);
    }
  });
});
