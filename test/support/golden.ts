import { readFileSync } from "node:fs";
import { ChannelGroups, tensor, type Tensor } from "mutual-channel-loss";
import { type Pooling } from "mutual-channel-loss/loss";
import { ops } from "mutual-channel-loss/tensor";

const FOLDER = new URL("../fixtures/golden/", import.meta.url);

export interface GoldenCase {
  name: string;
  file: string;
  shape: number[];
  xi_runs: [number, number][];
  x_dtype: "f32" | "f64" | "bf16" | "f16";
  pool_dis: Pooling;
  pool_div: Pooling;
  alpha: number;
  beta: number;
  grad_div_checked: boolean;
  loss_dis: number;
  loss_div: number;
  loss_ce: number;
  loss_total: number;
  tol_f32: { loss_dis: number; loss_div: number; grad_dis: number; grad_div: number };
}

interface Field {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** The reference vectors; see test/fixtures/golden/README.md. */
export const goldenCases = (
  JSON.parse(readFileSync(new URL("index.json", FOLDER), "utf8")) as { cases: GoldenCase[] }
).cases;

/** The tensors of one case. */
export class GoldenFile {
  readonly #bytes: Buffer;
  readonly #fields: Record<string, Field>;
  readonly #start: number;

  constructor(golden: GoldenCase) {
    this.#bytes = readFileSync(new URL(golden.file, FOLDER));
    const length = Number(this.#bytes.readBigUInt64LE());
    this.#start = 8 + length;
    this.#fields = JSON.parse(this.#bytes.toString("utf8", 8, this.#start)) as Record<string, Field>;
  }

  shape(name: string): number[] {
    return this.#fields[name]!.shape;
  }

  tensor(name: string): Tensor {
    const { dtype, shape } = this.#fields[name]!;
    const raw = this.#raw(name);
    switch (dtype) {
      case "F32":
        return tensor(new Float32Array(raw), { shape });
      case "F64":
        return tensor(new Float64Array(raw), { shape });
      case "I32":
        return tensor(new Int32Array(raw), { shape });
      case "U8":
        return tensor(new Uint8Array(raw), { shape });
      default:
        return this.#half(dtype === "BF16" ? "bfloat16" : "float16", raw, shape);
    }
  }

  doubles(name: string): Float64Array {
    return new Float64Array(this.#raw(name));
  }

  #raw(name: string): ArrayBuffer {
    const [begin, end] = this.#fields[name]!.data_offsets;
    return Uint8Array.from(this.#bytes.subarray(this.#start + begin, this.#start + end)).buffer;
  }

  // Typed arrays have no half types: the bits travel as int16 and are reinterpreted.
  #half(dtype: "bfloat16" | "float16", raw: ArrayBuffer, shape: number[]): Tensor {
    return ops("aten::view.dtype", tensor(new Int16Array(raw), { shape }), dtype) as Tensor;
  }
}

export function goldenGroups(golden: GoldenCase): ChannelGroups {
  return ChannelGroups.blocks(golden.xi_runs.map(([classes, channels]) => ({ classes, channels })));
}
