import { expect } from "chai";
import { existsSync } from "node:fs";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { memory, type Tensor } from "mutual-channel-loss";
import { loadStateDict, type LoadStateDictOptions } from "mutual-channel-loss/tensor";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { expectNoneLeft, settledMemory } from "../support/memory.js";
import { pickledTensors, splitZip64, storedZip, type PickledTensor } from "../support/pth.js";

// Made by test/fixtures/pth/make.py, which has the values.
const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/pth/${name}`, import.meta.url));

const folder = temporaryFolder();

async function values(tensor: Tensor | undefined): Promise<number[]> {
  return Array.from(await tensor!.data(), Number);
}

/** The message of the error that loading `path` ends in; nothing may be allocated before it. */
async function refusal(path: string, options?: LoadStateDictOptions): Promise<string> {
  const before = memory().tensors;
  const error = await rejected(loadStateDict(path, options));
  expect(error).to.include({ code: "ERR_CHECKPOINT", path });
  expect(error.message).to.contain(path);
  expect(memory().tensors).to.be.at.most(before); // other tests' garbage may go meanwhile
  return error.message;
}

async function written(bytes: Buffer): Promise<string> {
  const path = join(folder(), "made.pth");
  await writeFile(path, bytes);
  return path;
}

const PKL = "a/data.pkl";
const DATA = { name: "a/data/0", data: Buffer.alloc(16) };

function archive(pickle: Buffer, ...others: { name: string; data: Buffer; at?: number }[]): Promise<string> {
  return written(storedZip([{ name: PKL, data: pickle }, ...others]));
}

function withTensors(...tensors: PickledTensor[]): Promise<string> {
  return archive(pickledTensors(tensors), DATA);
}

describe("loadStateDict of PyTorch files", () => {
  for (const name of ["plain.pth", "protocol4.pth"]) {
    it(`reads tensors, parameters, scalars and empty tensors (${name})`, async () => {
      const state = await loadStateDict(fixture(name));
      const shapes = Object.entries(state).map(([key, tensor]) => [key, tensor.dtype, tensor.shape]);
      expect(shapes).to.deep.equal([
        ["conv.weight", "float32", [2, 3, 2, 2]],
        ["conv.bias", "float32", [2]],
        ["bn.num_batches_tracked", "int64", []],
        ["empty", "float32", [0, 3]],
      ]);
      expect(await values(state["conv.weight"])).to.deep.equal(Array.from({ length: 24 }, (_, i) => i / 8));
      expect(await values(state["conv.bias"])).to.deep.equal([0.5, -0.25]);
      expect(state["bn.num_batches_tracked"]!.item()).to.equal(7);
      expect(state["conv.weight"]!.requiresGrad).to.equal(false);
    });
  }

  for (const name of ["dtypes.pth", "big-endian.pth"]) {
    it(`reads every dtype (${name})`, async () => {
      const state = await loadStateDict(fixture(name));
      expect(Object.keys(state)).to.have.length(10);
      for (const [dtype, tensor] of Object.entries(state)) {
        expect(tensor.dtype).to.equal(dtype);
        expect(await values(tensor), dtype).to.deep.equal(dtype === "bool" ? [1, 0, 1] : [0, 1, 2, 100]);
      }
    });
  }

  it("reads the dtypes of untyped storages, and complex numbers", async () => {
    const state = await loadStateDict(fixture("storage-dtypes.pth"));
    const packed = ["float8_e8m0fnu", "float4_e2m1fn_x2"];
    const complex = ["complex32", "complex64", "complex128"];
    expect(Object.keys(state)).to.have.length(12);
    for (const [dtype, tensor] of Object.entries(state)) {
      expect(tensor.dtype).to.equal(dtype);
      if (packed.includes(dtype)) continue;
      const expected = complex.includes(dtype) ? [0, 0, 1, 0, 2, 0, 96, 0] : [0, 1, 2, 96];
      expect(await values(tensor), dtype).to.deep.equal(expected);
    }
    expect(await values(state["float8_e8m0fnu"])).to.deep.equal([1, 2]);
    expect(await values(state["float4_e2m1fn_x2"])).to.deep.equal([0x7f, 0x80]);
  });

  it("reads parameters, tensors and buffers with attributes, which it drops", async () => {
    const state = await loadStateDict(fixture("attributes.pth"));
    expect(await values(state["parameter"])).to.deep.equal([1, 1]);
    expect(await values(state["tensor"])).to.deep.equal([1, 1, 1]);
    expect(await values(state["buffer"])).to.deep.equal([1, 1, 1, 1]);
  });

  it("refuses tensors of kinds that it cannot read, naming them, only where they are asked for", async () => {
    const kinds = {
      quantized: /has a quantized tensor under x: save its dequantize\(\)/,
      sparse: /sparse tensor under x: save its to_dense\(\)/,
      csr: /sparse tensor under x/,
      meta: /tensor of the meta device under x/,
      conjugated: /conjugated or negated view under x: save its resolve_conj\(\)/,
      negated: /conjugated or negated view under x/,
    };
    for (const [key, message] of Object.entries(kinds)) {
      expect(await refusal(fixture("kinds.pth"), { key }), key).to.match(message);
    }
    expect(await values((await loadStateDict(fixture("kinds.pth"), { key: "plain" }))["x"])).to.deep.equal([
      1, 1, 1, 1,
    ]);
    expect(await refusal(fixture("subclass.pth"))).to.match(/asks for __main__\.Subclass/);
  });

  it("tells a TorchScript archive from a state dict", async () => {
    expect(await refusal(fixture("torchscript.pt"))).to.match(/is a TorchScript archive.*torch\.jit\.load/);
  });

  it("reads a zip64 file whose tensor lies beyond 4 GiB", async () => {
    const path = join(folder(), "large.pth");
    const file = await open(path, "w");
    try {
      const values = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
      const [start, far, end] = splitZip64(pickledTensors([{}]), values, 5 * 2 ** 30);
      await file.write(start, 0, start.length, 0);
      await file.write(far, 0, far.length, 5 * 2 ** 30); // what lies between takes no room on the disk
      await file.write(end, 0, end.length, 5 * 2 ** 30 + far.length);
    } finally {
      await file.close();
    }
    expect(await values((await loadStateDict(path))["x"])).to.deep.equal([1, 2, 3, 4]);
  });

  it("reads views by offset and strides, which go on sharing their storage", async () => {
    const before = await settledMemory();
    const state = await loadStateDict(fixture("views.pth"));
    expect((await settledMemory()).bytes - before.bytes).to.equal(4 * (12 + 2));
    expect(await values(state["transposed"])).to.deep.equal([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
    expect(await values(state["column"])).to.deep.equal([1, 5, 9]);
    expect(await values(state["corner"])).to.deep.equal([6, 7, 10, 11]);
    expect(await values(state["every.other"])).to.deep.equal([1, 3, 5, 7, 9, 11]);
    expect(await values(state["expanded"])).to.deep.equal([1.5, 2.5, 1.5, 2.5, 1.5, 2.5]);
    Object.values(state).forEach((tensor) => tensor.dispose());
    await expectNoneLeft(before);
  });

  it("finds nested dicts by key, strips a prefix, and ignores what else is there", async () => {
    const parallel = await loadStateDict(fixture("nested.pth"), { key: "state_dict", prefix: "module." });
    expect(Object.keys(parallel)).to.deep.equal(["conv.weight", "conv.bias"]);
    expect(await values(parallel["conv.bias"])).to.deep.equal([-1]);
    const nested = await loadStateDict(fixture("nested.pth"), { key: "nested.model.state", prefix: "no." });
    expect(Object.keys(nested)).to.deep.equal(["conv.weight", "conv.bias"]);
  });

  it("says which keys there are where there are no tensors", async () => {
    const keys = "state_dict, nested, optimizer, epoch, steps, best";
    expect(await refusal(fixture("nested.pth"))).to.contain(`no tensors at its top (it has ${keys})`);
    const wrong = rejected(loadStateDict(fixture("nested.pth"), { key: "model" }));
    expect(await wrong).to.include({ code: "ERR_CHECKPOINT", argument: "key" });
    expect((await wrong).message).to.contain(keys);
    expect(await refusal(fixture("nested.pth"), { key: "epoch" })).to.match(/no dict at the key epoch/);
  });

  it("refuses code by its name, and runs none of it", async () => {
    expect(await refusal(fixture("malicious.pth"))).to.match(/asks for posix\.system/);
    expect(existsSync("pwned-by-a-checkpoint")).to.equal(false);
    expect(await refusal(fixture("module.pth"))).to.match(/asks for torch\.nn\.modules\.linear\.Linear/);
    const hidden = (opcodes: string) => archive(Buffer.from(`\x80\x02${opcodes}.`, "latin1"), DATA);
    expect(await refusal(await hidden("ctorch\nload\n0}"))).to.match(/asks for torch\.load/);
    expect(await refusal(await hidden("\x8c\x05posix\x8c\x06system\x93"))).to.match(/asks for posix\.system/);
    expect(await refusal(await hidden("(iposix\nsystem\n"))).to.match(/opcode 0x69/);
    expect(await refusal(await hidden("ctorch\nFloatStorage\n)R"))).to.match(/call torch\.FloatStorage/);
    expect(await refusal(await hidden("ctorch\nSize\n)}b"))).to.match(/sets attributes/);
    const prefixed = rejected(loadStateDict(await hidden("ctorch.storage\n_load_from_bytes\n")));
    expect((await prefixed).message).to.match(/asks for torch\.storage\._load_from_bytes/);
  });

  it("passes over what is neither tensor nor plain value beside the tensors", async () => {
    for (const name of ["beside.pth", "legacy-beside.pth"]) {
      const state = await loadStateDict(fixture(name));
      expect(Object.keys(state)).to.deep.equal(["weight"]);
      expect(await values(state["weight"])).to.deep.equal([1, 2]);
    }
  });

  it("reads the format from before PyTorch 1.6", async () => {
    expect(await values((await loadStateDict(fixture("legacy.pth")))["weight"])).to.deep.equal([1, 1]);
    for (const [old, now] of [
      ["legacy-views.pth", "views.pth"],
      ["legacy-dtypes.pth", "dtypes.pth"],
    ] as const) {
      const [given, wanted] = [await loadStateDict(fixture(old)), await loadStateDict(fixture(now))];
      expect(Object.keys(given)).to.deep.equal(Object.keys(wanted));
      for (const [name, tensor] of Object.entries(wanted)) {
        expect([given[name]!.dtype, given[name]!.shape], name).to.deep.equal([tensor.dtype, tensor.shape]);
        expect(await values(given[name]), name).to.deep.equal(await values(tensor));
      }
    }
    const nested = await loadStateDict(fixture("legacy-nested.pth"), { key: "nested.model.state" });
    expect(await values(nested["conv.bias"])).to.deep.equal([-1]);
  });

  it("refuses files from before PyTorch 1.6 that ask for code, or are cut short anywhere", async () => {
    expect(await refusal(fixture("legacy-malicious.pth"))).to.match(/asks for posix\.system/);
    const whole = await readFile(fixture("legacy-views.pth"));
    for (let length = 0; length < whole.length; length += 1) {
      const path = await written(whole.subarray(0, length));
      expect((await rejected(loadStateDict(path))).code, `${length}`).to.equal("ERR_CHECKPOINT");
    }
  });

  it("tells PyTorch's tar format from before 0.1.10", async () => {
    const tar = Buffer.alloc(1024);
    tar.write("sys_info");
    tar.write("ustar", 257);
    expect(await refusal(await written(tar))).to.match(/is a tar, as PyTorch wrote before 0\.1\.10/);
  });

  it("refuses at once what would take minutes or all of the memory", async () => {
    const pickle = (...parts: (string | Buffer)[]) =>
      archive(
        Buffer.concat(["\x80\x02", ...parts, "."].map((part) => Buffer.from(part as string, "latin1"))),
        DATA,
      );
    // A list of the list before it, twice over: as text, it is 2^100 brackets long.
    const doubled = Array.from({ length: 100 }, (_, i) =>
      Buffer.from([0x5d, 0x28, 0x68, i, 0x68, i, 0x65, 0x71, i + 1, 0x30]),
    );
    const last = Buffer.from([0x68, 100]);
    const asKeys = await pickle("]q\x000", ...doubled, "}", last, "K\x01s", last, "K\x02s");
    expect(await refusal(asKeys)).to.match(/has no tensors at its top: give/);
    expect(await refusal(await pickle("]q\x000", ...doubled, last, "X\x01\0\0\0a\x93"))).to.match(
      /other than text/,
    );
    expect(await refusal(await pickle("]q\x000", ...doubled, "c_codecs\nencode\n", last, "\x85R"))).to.match(
      /encodes what is not text/,
    );
    const large = /makes far more than a file of tensors does/;
    expect(await refusal(await pickle("(", Buffer.alloc(1_100_000, "}"), "l"))).to.match(large);
    expect(await refusal(await pickle("N", Buffer.alloc(2_100_000, 0x94)))).to.match(large);
    const text = `X\x40\x42\x0f\0${"a".repeat(1_000_000)}`;
    const encoded = Buffer.alloc(6 * 40, "h\x01h\x00R0", "latin1");
    expect(await refusal(await pickle(text, "\x85q\x000c_codecs\nencode\nq\x010", encoded))).to.match(large);
    const self = "]q\x00(ctorch._tensor\n_rebuild_from_type_v2\nq\x01N";
    expect(await refusal(await pickle(self, "h\x00eh\x01h\x00R"))).to.match(
      /is not rebuilt by a function of PyTorch/,
    );
  });

  it("refuses compressed records and unknown dtypes, and says so", async () => {
    expect(await refusal(fixture("deflated.pth"))).to.match(/plain\/\w+ is compressed/);
    expect(await refusal(await withTensors({ storage: "QUInt8Storage" }))).to.match(
      /QUInt8Storage .* under its tensor x, which is not supported/,
    );
  });

  it("refuses files cut short anywhere", async () => {
    const whole = await readFile(fixture("plain.pth"));
    for (let length = 0; length < whole.length; length += 97) {
      const path = await written(whole.subarray(0, length));
      expect((await rejected(loadStateDict(path))).code, `${length}`).to.equal("ERR_CHECKPOINT");
    }
    expect(await refusal(await written(whole.subarray(0, -1)))).to.match(/truncated or damaged/);
  });

  it("refuses pickles cut short anywhere", async () => {
    const pickle = pickledTensors([{}]);
    expect(Object.keys(await loadStateDict(await archive(pickle, DATA)))).to.deep.equal(["x"]);
    for (let length = 0; length < pickle.length; length += 1) {
      const path = await archive(pickle.subarray(0, length), DATA);
      expect((await rejected(loadStateDict(path))).code, `${length}`).to.equal("ERR_CHECKPOINT");
    }
  });

  it("refuses views that leave their storage, naming the tensor", async () => {
    const outside: PickledTensor[] = [
      { offset: 1 },
      { shape: [5] },
      { strides: [2] },
      { shape: [2, 2], strides: [3, 1] },
      { shape: [2 ** 40, 2 ** 40], strides: [0, 0] },
      { shape: [2 ** 52], strides: [2 ** 52] },
      { shape: [0], offset: 5 },
      { strides: [] },
    ];
    for (const tensor of outside) {
      expect(await refusal(await withTensors(tensor)), JSON.stringify(tensor)).to.match(
        /its tensor x .* leaves its storage/,
      );
    }
    for (const tensor of [{ offset: -1 }, { shape: [-1] }, { strides: [-1] }, { elements: -4 }]) {
      expect(await refusal(await withTensors(tensor))).to.match(/not valid|not a storage/);
    }
  });

  it("refuses storages that are missing or of other sizes", async () => {
    expect(await refusal(await archive(pickledTensors([{}])))).to.match(/data of its tensor x is missing/);
    expect(await refusal(await withTensors({ elements: 2 ** 50 }))).to.match(
      /tensor x has 16 bytes of data, not those of/,
    );
  });

  it("reads a storage under tensors of two dtypes as each of them", async () => {
    const state = await loadStateDict(await withTensors({}, { name: "y", storage: "IntStorage" }));
    expect([state["x"]!.dtype, state["y"]!.dtype]).to.deep.equal(["float32", "int32"]);
  });

  it("refuses names that occur twice", async () => {
    expect(await refusal(await withTensors({}, {}))).to.match(/has the name x twice/);
    expect(await refusal(await archive(pickledTensors([{}]), DATA, DATA))).to.match(/data\/0 twice/);
    const path = await withTensors({ name: "module.x" }, { name: "x" });
    expect(await refusal(path, { prefix: "module." })).to.match(/two tensors named x/);
  });

  it("refuses zips with overlapping records, forged directories or none of torch.save's records", async () => {
    const twice = { ...DATA, name: "a/data/1", at: 1 };
    expect(await refusal(await archive(pickledTensors([{}]), DATA, twice))).to.match(/overlaps/);
    expect(await refusal(await written(storedZip([DATA])))).to.match(/without data\.pkl/);
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50);
    locator.writeBigUInt64LE(2n ** 63n, 8); // a directory beyond every file
    const zip = storedZip([DATA]);
    const forged = Buffer.concat([zip.subarray(0, -22), locator, zip.subarray(-22)]);
    expect(await refusal(await written(forged))).to.match(/truncated/);
  });
});
