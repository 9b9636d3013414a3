import { crc32, deflateRawSync } from "node:zlib";

/** An entry of {@link storedZip}. */
export interface ZipEntry {
  name: string;
  data: Buffer;
  /** The earlier entry at whose place its data is. */
  at?: number;
  deflated?: boolean;
}

/** A zip whose entries are stored, but for those that are to be deflated. */
export function storedZip(entries: readonly ZipEntry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  const offsets: number[] = [];
  let length = 0;
  for (const { name, data, at, deflated = false } of entries) {
    const packed = deflated ? deflateRawSync(data) : data;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    fillSizes(local, 18, name, data, packed);
    const offset = at === undefined ? length : offsets[at]!;
    offsets.push(offset);
    if (at === undefined) {
      parts.push(local, Buffer.from(name), packed);
      length += local.length + name.length + packed.length;
    }
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    fillSizes(central, 20, name, data, packed);
    central.writeUInt32LE(offset, 42);
    directory.push(central, Buffer.from(name));
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(length, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

/**
 * A zip64 file in three parts: data.pkl at its start, the storage "0" at `far`, and after it the directory. As torch.save
 * does for large files, the directory has the true numbers in extra fields.
 */
export function splitZip64(pickle: Buffer, storage: Buffer, far: number): [Buffer, Buffer, Buffer] {
  const entries = [
    { name: "a/data.pkl", data: pickle, offset: 0 },
    { name: "a/data/0", data: storage, offset: far },
  ];
  const [start, end] = entries.map(({ name, data }) => {
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    fillSizes(local, 18, name, data);
    return Buffer.concat([local, Buffer.from(name), data]);
  }) as [Buffer, Buffer];
  const directory = Buffer.concat(entries.map(({ name, data, offset }) => zip64Entry(name, data, offset)));
  const at = BigInt(far + end.length);
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(2n, 24);
  record.writeBigUInt64LE(2n, 32);
  record.writeBigUInt64LE(BigInt(directory.length), 40);
  record.writeBigUInt64LE(at, 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(at + BigInt(directory.length), 8);
  locator.writeUInt32LE(1, 16);
  const last = Buffer.alloc(22, 0xff);
  last.writeUInt32LE(0x06054b50, 0);
  last.writeUInt32LE(0, 4);
  last.writeUInt16LE(0, 20);
  return [start, end, Buffer.concat([directory, record, locator, last])];
}

function zip64Entry(name: string, data: Buffer, offset: number): Buffer {
  const extra = Buffer.alloc(28);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(24, 2);
  [data.length, data.length, offset].forEach((value, i) => extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i));
  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x02014b50, 0);
  central.writeUInt32LE(0xffffffff, 20);
  central.writeUInt32LE(0xffffffff, 24);
  central.writeUInt16LE(name.length, 28);
  central.writeUInt16LE(extra.length, 30);
  central.writeUInt32LE(0xffffffff, 42);
  return Buffer.concat([central, Buffer.from(name), extra]);
}

function fillSizes(header: Buffer, at: number, name: string, data: Buffer, packed = data): void {
  header.writeUInt16LE(packed === data ? 0 : 8, at - 10);
  header.writeUInt32LE(crc32(data), at - 4);
  header.writeUInt32LE(packed.length, at);
  header.writeUInt32LE(data.length, at + 4);
  header.writeUInt16LE(name.length, at + 8);
}

export interface PickledTensor {
  name?: string;
  storage?: string;
  key?: string;
  elements?: number;
  offset?: number;
  shape?: number[];
  strides?: number[];
}

/** data.pkl of a dict of tensors, as torch.save writes it; by default one of four floats named "x". */
export function pickledTensors(tensors: readonly PickledTensor[]): Buffer {
  return Buffer.concat([raw("\x80\x02}("), ...tensors.map(pickledTensor), raw("u.")]);
}

function pickledTensor(tensor: PickledTensor): Buffer {
  const { name = "x", storage = "FloatStorage", key = "0", elements = 4 } = tensor;
  const { offset = 0, shape = [4], strides = [1] } = tensor;
  const id = [raw("("), text("storage"), raw(`ctorch\n${storage}\n`), text(key), text("cpu"), int(elements)];
  return Buffer.concat([
    text(name),
    raw("ctorch._utils\n_rebuild_tensor_v2\n("),
    ...[...id, raw("tQ"), int(offset), tuple(shape), tuple(strides)],
    raw("\x89ccollections\nOrderedDict\n)RtR"),
  ]);
}

function raw(opcodes: string): Buffer {
  return Buffer.from(opcodes, "latin1");
}

function text(value: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  return Buffer.concat([raw("X"), length, Buffer.from(value)]);
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(10, "\x8a\x08", "latin1");
  bytes.writeBigInt64LE(BigInt(value), 2);
  return bytes;
}

function tuple(values: readonly number[]): Buffer {
  return Buffer.concat([raw("("), ...values.map(int), raw("t")]);
}
