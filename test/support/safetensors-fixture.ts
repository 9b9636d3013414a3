import { readFileSync } from "node:fs";

/** A tensor of a fixture: bytes, or floats. */
export interface FixtureTensor {
  shape: number[];
  values: Uint8Array | Float32Array;
}

/** What a make.py saved, by name. */
export function safetensorsFixture(path: URL): (name: string) => FixtureTensor {
  const file = readFileSync(path);
  const start = 8 + Number(file.readBigUInt64LE());
  const fields = JSON.parse(file.toString("utf8", 8, start)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  return (name) => {
    const { dtype, shape, data_offsets } = fields[name]!;
    const bytes = Uint8Array.from(file.subarray(start + data_offsets[0], start + data_offsets[1]));
    return { shape, values: dtype === "U8" ? bytes : new Float32Array(bytes.buffer) };
  };
}
