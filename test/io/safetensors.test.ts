import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { memory, saveModel, smallResNet, tensor } from "mutual-channel-loss";
import { loadStateDict, ops, saveStateDict } from "mutual-channel-loss/tensor";
import type { Dtype, Tensor, TypedArray } from "mutual-channel-loss";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";

const folder = temporaryFolder();

const DTYPES: Dtype[] = [
  ...(["bool", "uint8", "int8", "int16", "uint16", "float16", "bfloat16"] as const),
  ...(["int32", "uint32", "float32", "int64", "uint64", "float64", "complex64"] as const),
  ...(["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"] as const),
];

/** Few operators take the dtypes for storage: their bytes can be compared. */
function bytesOf(tensor: Tensor): Promise<TypedArray> {
  return (ops("aten::view.dtype", tensor.reshape([-1]), "uint8") as Tensor).data();
}

async function withHeader(header: string | Buffer, dataBytes: number): Promise<string> {
  const bytes = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  const path = join(folder(), "made.safetensors");
  await writeFile(path, Buffer.concat([length, bytes, Buffer.alloc(dataBytes)]));
  return path;
}

function entry(begin: number, end: number, changes: object = {}): object {
  return { dtype: "F32", shape: [(end - begin) / 4], data_offsets: [begin, end], ...changes };
}

async function refusal(header: object | string | Buffer, dataBytes = 8): Promise<string> {
  const text = typeof header === "string" || Buffer.isBuffer(header) ? header : JSON.stringify(header);
  const path = await withHeader(text, dataBytes);
  const before = memory().tensors;
  const error = await rejected(loadStateDict(path));
  expect(error).to.include({ code: "ERR_CHECKPOINT", path });
  expect(error.message).to.contain(path);
  expect(memory().tensors).to.be.at.most(before); // other tests' garbage may go meanwhile
  return error.message;
}

describe("safetensors", () => {
  it("give back every dtype, views, empty tensors and odd names", async () => {
    const path = join(folder(), "all.safetensors");
    const matrix = tensor(Float32Array.of(0, 1, 2, 3, 4, 5), { shape: [2, 3] });
    const state: Record<string, Tensor> = Object.fromEntries([
      // float8_e8m0fnu has powers of two alone, and no zero.
      ...DTYPES.map((dtype) => [dtype, tensor(Float32Array.of(1, 2, 1), { dtype })] as const),
      ["transposed", matrix.transpose(0, 1)],
      ["empty", tensor([], { shape: [0, 4] })],
      ["pairs", ops("aten::view.dtype", tensor(Uint8Array.of(0x12, 0x34)), "float4_e2m1fn_x2") as Tensor],
      ["__proto__", tensor([1])],
      ['"quoted" \\ name: {', tensor([2])],
    ]);
    await saveStateDict(path, state, { metadata: { format: "pt" } });
    const loaded = await loadStateDict(path);
    expect(Object.keys(loaded)).to.have.members(Object.keys(state));
    for (const [name, saved] of Object.entries(state)) {
      expect([loaded[name]!.dtype, loaded[name]!.shape], name).to.deep.equal([saved.dtype, saved.shape]);
      expect(await bytesOf(loaded[name]!), name).to.deep.equal(await bytesOf(saved));
    }
    expect((await readdir(folder())).filter((name) => name.includes(".tmp"))).to.deep.equal([]);
  });

  it("have every tensor aligned", async () => {
    const path = join(folder(), "aligned.safetensors");
    const byte = tensor(Uint8Array.of(1));
    await saveStateDict(path, { byte, double: tensor(Float64Array.of(2)), half: byte.to("float16") });
    const bytes = await readFile(path);
    const length = Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.toString("utf8", 8, 8 + length)) as Record<string, object>;
    expect(length % 8).to.equal(0);
    expect(header["double"]).to.deep.include({ data_offsets: [0, 8] });
    expect(header["half"]).to.deep.include({ data_offsets: [8, 10] });
  });

  it("are read by loadStateDict from saved models too, with a prefix stripped", async () => {
    const path = join(folder(), "model.pth"); // the content counts, not the name
    const model = smallResNet({ classes: 3, inputSize: 32, width: 8 });
    await saveModel(model, path);
    const state = await loadStateDict(path, { prefix: "layer2.downsample." });
    expect(state["0.weight"]!.shape).to.deep.equal([16, 8, 1, 1]);
    expect(state["bn1.weight"]!.shape).to.deep.equal([8]);
  });

  it("are refused for a header that is too long, not UTF-8, not JSON or not an object", async () => {
    const path = join(folder(), "long.safetensors");
    await writeFile(path, Buffer.from("\xff\xff\xff\xff\xff\xff\xff\xff{}", "latin1"));
    expect((await rejected(loadStateDict(path))).message).to.match(/header is too long/);
    expect(await refusal(Buffer.from('{"\xff": 1}', "latin1"))).to.match(/not UTF-8/);
    expect(await refusal('{"x": ')).to.match(/not JSON/);
    expect(await refusal("[1]")).to.match(/neither safetensors nor/);
    await writeFile(path, Buffer.from("\x40\0\0\0\0\0\0\0{}", "latin1"));
    expect((await rejected(loadStateDict(path))).message).to.match(/truncated \(10 bytes, expected 72\)/);
  });

  it("are refused for names that occur twice, however they are written", async () => {
    const x = JSON.stringify(entry(0, 4));
    const y = JSON.stringify(entry(4, 8));
    expect(await refusal(`{"x": ${x}, "x": ${y}}`)).to.match(/the name x twice/);
    expect(await refusal(`{"x":${x},"\\u0078" :${y}}`)).to.match(/the name x twice/);
    expect(await refusal(`{"x":{"dtype":"F32","dtype":"I32","shape":[2],"data_offsets":[0,8]}}`)).to.match(
      /the name dtype twice/,
    );
  });

  it("are refused for an unknown dtype, shape or offsets, naming the tensor", async () => {
    expect(await refusal({ x: entry(0, 6, { dtype: "F6_E2M3", shape: [8] }) }, 6)).to.match(
      /x has the unknown dtype F6_E2M3/,
    );
    expect(await refusal({ x: entry(0, 2, { dtype: "F4", shape: [1, 3] }) }, 2)).to.match(
      /x has 2 bytes, not those of F4 \[1, 3\]/,
    );
    expect(await refusal({ x: entry(0, 8, { dtype: "toString" }) })).to.match(/x has the unknown dtype/);
    for (const shape of [[-2], [0.5], ["2"], null, 2]) {
      expect(await refusal({ x: entry(0, 8, { shape }) })).to.match(/x has no valid shape or offsets/);
    }
    for (const data_offsets of [[0], [0, 4, 8], [-8, 0], [0, 2 ** 53], null]) {
      expect(await refusal({ x: entry(0, 8, { data_offsets }) })).to.match(/x has no valid shape or offsets/);
    }
    expect(await refusal({ x: 1 })).to.match(/entry x is not an object/);
    expect(await refusal({ __metadata__: { a: 1 } })).to.match(/__metadata__ is not a map of strings/);
  });

  it("are refused for headers of more tensors, lists or levels than any network has", async () => {
    const many = Array.from(
      { length: 100_001 },
      (_, i) => `"${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`,
    );
    expect(await refusal(`{${many.join(",")}}`, 0)).to.match(
      /its header has more than 300002 objects and lists/,
    );
    expect(await refusal(`{"x":{"shape":[[[]]]}}`)).to.match(/its header has more than 3 levels/);
    expect(await refusal(`{"x":{"shape":[${"0,".repeat(2_000_000)}0]}}`)).to.match(
      /more than 2000000 values/,
    );
  });

  it("may say null for no metadata, as the package safetensors allows", async () => {
    const header = `{"__metadata__":null,"s":${JSON.stringify(entry(0, 4))}}`;
    expect(Object.keys(await loadStateDict(await withHeader(header, 4)))).to.deep.equal(["s"]);
  });

  it("are refused where shape and size do not fit, also beyond 2^53", async () => {
    expect(await refusal({ x: entry(0, 8, { shape: [3] }) })).to.match(
      /x has 8 bytes, not those of F32 \[3\]/,
    );
    expect(await refusal({ x: entry(0, 8, { shape: [2 ** 30, 2 ** 30] }) })).to.match(/x has 8 bytes/);
    const empty = { shape: [2 ** 40, 2 ** 40, 0] };
    expect(await refusal({ x: entry(0, 0, empty) }, 0)).to.match(/x has 0 bytes/);
    expect(await refusal({ x: entry(8, 0, { shape: [0] }) })).to.match(/x has -8 bytes/);
  });

  it("are refused for tensors that overlap, leave the file or leave bytes unused", async () => {
    expect(await refusal({ x: entry(0, 8), y: entry(4, 12) }, 12)).to.match(/tensor y overlaps x/);
    expect(await refusal({ x: entry(0, 8), y: entry(0, 8) })).to.match(/tensor y overlaps x/);
    expect(await refusal({ x: entry(0, 8), y: entry(8, 16) })).to.match(/truncated .* tensor y/);
    expect(await refusal({ x: entry(0, 2 ** 52) })).to.match(/truncated .* tensor x/);
    expect(await refusal({ x: entry(4, 8) })).to.match(/hole before its tensor x/);
    expect(await refusal({ x: entry(0, 4) })).to.match(/4 bytes after x/);
  });

  it("say what they cannot hold", async () => {
    const x = tensor([1]).to("complex128");
    const error = await rejected(saveStateDict(join(folder(), "no.safetensors"), { x }));
    expect(error).to.include({ code: "ERR_DTYPE", argument: "tensors" });
    expect(error.message).to.match(/cannot hold complex128, the dtype of x/);
  });

  it("are refused where they may not be read", async function () {
    const path = await withHeader("{}", 0);
    await chmod(path, 0);
    const root = process.getuid?.() === 0; // who may read everything
    if (root) process.seteuid?.("nobody");
    try {
      const error = await rejected(loadStateDict(path));
      expect(error).to.include({ code: "ERR_CHECKPOINT", path });
      expect(error.message).to.match(/cannot open .*: permission denied/);
    } finally {
      if (root) process.seteuid?.(0);
    }
  });

  it("are refused where they are missing, a folder, a pipe, empty or something else", async () => {
    expect((await rejected(loadStateDict(join(folder(), "none")))).message).to.match(
      /cannot open .*: no such file/,
    );
    const pipe = join(folder(), "pipe");
    execFileSync("mkfifo", [pipe]);
    expect((await rejected(loadStateDict(pipe))).message).to.match(/not a file/);
    expect((await rejected(loadStateDict(folder()))).message).to.match(/not a file/);
    const path = join(folder(), "other");
    await writeFile(path, "");
    expect((await rejected(loadStateDict(path))).message).to.match(/truncated/);
    await writeFile(path, "a text that is not a checkpoint");
    expect((await rejected(loadStateDict(path))).message).to.match(/neither safetensors nor a file of torch/);
  });
});

describe("the options of loadStateDict and saveStateDict", () => {
  it("are checked, with the argument's name", async () => {
    const path = await withHeader("{}", 0);
    const wrong = async (promise: Promise<unknown>): Promise<string> => {
      const error = await rejected(promise);
      expect(error.code).to.equal("ERR_ARGUMENT");
      return error.argument ?? "";
    };
    const no = 1 as unknown as string;
    expect(await wrong(loadStateDict(no))).to.equal("path");
    expect(await wrong(loadStateDict(path, { key: "" }))).to.equal("key");
    expect(await wrong(loadStateDict(path, { key: "state_dict" }))).to.equal("key");
    expect(await wrong(loadStateDict(path, { prefix: no }))).to.equal("prefix");
    expect(await wrong(saveStateDict("", {}))).to.equal("path");
    expect(await wrong(saveStateDict(path, { x: 1 as unknown as Tensor }))).to.equal("tensors");
    expect(await wrong(saveStateDict(path, { __metadata__: tensor([1]) }))).to.equal("tensors");
    expect(await wrong(saveStateDict(path, {}, { metadata: { a: no } }))).to.equal("metadata.a");
    const gone = tensor([1]);
    gone.dispose();
    expect((await rejected(saveStateDict(path, { gone }))).code).to.equal("ERR_DISPOSED");
    expect((await rejected(saveStateDict(join(path, "x"), {}))).code).to.equal("ERR_IO");
  });
});
