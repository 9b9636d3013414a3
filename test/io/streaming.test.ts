import { expect } from "chai";
import { lstat, readdir, readFile, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { memory, tensor, type Tensor } from "mutual-channel-loss";
import {
  loadStateDict,
  openSafetensors,
  saveStateDict,
  writeSafetensors,
  type TensorInfo,
} from "mutual-channel-loss/tensor";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { settledMemory } from "../support/memory.js";
import { maximum } from "#lib/extremes.js";

const folder = temporaryFolder();

const LAYOUT: Record<string, TensorInfo> = {
  flag: { dtype: "bool", shape: [1] },
  matrix: { dtype: "float32", shape: [2, 3] },
  count: { dtype: "int64", shape: [] },
};

function make(name: string): Tensor {
  if (name === "matrix") return tensor([0, 1, 2, 3, 4, 5], { shape: [3, 2] }).transpose(0, 1);
  return name === "flag"
    ? tensor(Uint8Array.of(1), { dtype: "bool" })
    : tensor(BigInt64Array.of(2n ** 60n), { shape: [] });
}

async function written(): Promise<string> {
  const path = join(folder(), "streamed.safetensors");
  await writeSafetensors(
    path,
    LAYOUT,
    Object.keys(LAYOUT).map((name) => [name, make(name)] as const),
    { metadata: { by: "test" } },
  );
  return path;
}

describe("openSafetensors", () => {
  it("tells names, dtypes, shapes and metadata, and reads the tensors that are asked for", async () => {
    await using file = await openSafetensors(await written());
    const infos = [...file.tensors].map(([name, { dtype, shape }]) => [name, { dtype, shape }] as const);
    expect(Object.fromEntries(infos)).to.deep.equal(LAYOUT);
    expect(file.metadata).to.deep.equal({ by: "test" });
    expect(await (await file.read("matrix")).data()).to.deep.equal(Float32Array.of(0, 2, 4, 1, 3, 5));
    expect((await file.read("count")).item()).to.equal(2n ** 60n);
  });

  it("reads what it opened, whatever the path leads to by then", async () => {
    const path = await written();
    await using file = await openSafetensors(path);
    await saveStateDict(path, { other: tensor([7]) });
    expect(await (await file.read("flag")).data()).to.deep.equal(Uint8Array.of(1));
  });

  it("refuses names that it has not, and reads no more once closed", async () => {
    const file = await openSafetensors(await written());
    expect(await rejected(file.read("toString"))).to.include({ code: "ERR_ARGUMENT", argument: "name" });
    await file.close();
    await file.close();
    expect((await rejected(file.read("flag"))).code).to.equal("ERR_DISPOSED");
  });

  it("says so where the file was cut short after it was opened", async () => {
    const path = await written();
    await using file = await openSafetensors(path);
    const { length } = await readFile(path);
    await truncate(path, length - 8);
    const error = await rejected(file.read("matrix"));
    expect(error).to.include({ code: "ERR_CHECKPOINT", path });
    expect(error.message).to.match(/was cut from \d+ to \d+ bytes while it was read/);
  });
});

describe("writeSafetensors", () => {
  it("takes tensors from a generator that frees each when it is asked for the next", async () => {
    const path = join(folder(), "generated.safetensors");
    const before = await settledMemory();
    const counts: number[] = [];
    // eslint-disable-next-line @typescript-eslint/require-await -- an async generator is what is tried
    async function* generate() {
      for (const name of ["count", "flag", "matrix"]) {
        using made = make(name);
        counts.push(memory().tensors - before.tensors);
        yield [name, made] as const;
      }
    }
    await writeSafetensors(path, new Map(Object.entries(LAYOUT)), generate());
    expect(maximum(counts)).to.be.at.most(2); // a tensor, and the one that "matrix" is a view of
    const state = await loadStateDict(path);
    expect(await state["matrix"]!.data()).to.deep.equal(Float32Array.of(0, 2, 4, 1, 3, 5));
    expect(state["count"]!.item()).to.equal(2n ** 60n);
    const flipped = await readFile(path);
    flipped[flipped.length - 1]! ^= 1;
    await writeFile(path, flipped);
    expect((await rejected(loadStateDict(path))).message).to.match(/is damaged \(its CRC-32 is/);
  });

  it("copies a file of another that is open", async () => {
    const path = await written();
    const copy = join(folder(), "copy.safetensors");
    await using file = await openSafetensors(path);
    async function* read() {
      for (const name of file.tensors.keys()) {
        using made = await file.read(name);
        yield [name, made] as const;
      }
    }
    await writeSafetensors(copy, file.tensors, read(), { metadata: file.metadata });
    expect((await readFile(copy)).equals(await readFile(path))).to.equal(true);
  });

  it("leaves the old file where a tensor is missing, repeated, unlike the layout, or the source fails", async () => {
    const path = await written();
    const before = await readFile(path);
    const wrong = async (tensors: Iterable<readonly [string, Tensor]>) => {
      const error = await rejected(writeSafetensors(path, LAYOUT, tensors));
      expect(error.argument).to.equal("tensors");
      expect((await readFile(path)).equals(before)).to.equal(true);
      return `${error.code} ${error.message}`;
    };
    const flag = ["flag", make("flag")] as const;
    expect(await wrong([flag])).to.match(/ERR_ARGUMENT tensors must have matrix/);
    expect(await wrong([flag, flag])).to.match(/ERR_ARGUMENT tensors has flag twice/);
    expect(await wrong([["other", flag[1]]])).to.match(/the layout has it not/);
    expect(await wrong([["flag", make("count")]])).to.match(/ERR_DTYPE the tensor flag is int64/);
    expect(await wrong([["matrix", tensor([1])]])).to.match(/ERR_SHAPE the tensor matrix is \[1\]/);
    expect(await wrong([["flag", 1 as unknown as Tensor]])).to.match(/ERR_ARGUMENT/);
    function* failing(): Generator<readonly [string, Tensor]> {
      yield flag;
      throw new RangeError("the source failed");
    }
    const error: unknown = await writeSafetensors(path, LAYOUT, failing()).catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(RangeError);
    expect((await readFile(path)).equals(before)).to.equal(true);
    expect((await readdir(folder())).filter((name) => name.includes(".tmp"))).to.deep.equal([]);
  });

  it("checks the layout before anything is written", async () => {
    const path = join(folder(), "never.safetensors");
    const layouts: Record<string, TensorInfo>[] = [
      { x: { dtype: "float31" as "float32", shape: [1] } },
      { x: { dtype: "float32", shape: [-1] } },
      { x: { dtype: "float32", shape: [2 ** 40, 2 ** 40] } },
      { __metadata__: { dtype: "float32", shape: [1] } },
    ];
    for (const layout of layouts) {
      const error = await rejected(writeSafetensors(path, layout, []));
      expect(error.code).to.be.oneOf(["ERR_ARGUMENT", "ERR_DTYPE"]);
    }
    expect(await readdir(folder())).to.not.include("never.safetensors");
  });

  it("writes where a link leads, and never over a device", async () => {
    const path = await written();
    const link = join(folder(), "link.safetensors");
    await symlink(path, link);
    await saveStateDict(link, { x: tensor([1]) });
    expect((await lstat(link)).isSymbolicLink()).to.equal(true);
    expect(Object.keys(await loadStateDict(path))).to.deep.equal(["x"]);
    const error = await rejected(saveStateDict("/dev/null", { x: tensor([1]) }));
    expect(error).to.include({ code: "ERR_IO", path: "/dev/null" });
    expect((await lstat("/dev/null")).isCharacterDevice()).to.equal(true);
    await writeFile("/dev/null", "");
  });
});

it("saving takes the tensors as they are when it is called", async () => {
  const path = join(folder(), "moment.safetensors");
  const x = tensor([1, 2]);
  const model = tensor([1], { requiresGrad: true });
  const saved = saveStateDict(path, { x, model });
  const later = model.mul(2).sum().backward();
  x.dispose();
  await Promise.all([saved, later]);
  expect(await (await loadStateDict(path))["x"]!.data()).to.deep.equal(Float32Array.of(1, 2));
});
