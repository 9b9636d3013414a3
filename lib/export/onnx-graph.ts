import type { Attributes, OnnxNodes } from "../models/layers/onnx.js";
import {
  ATTRIBUTE,
  DATA_TYPE,
  type AttributeProto,
  type NodeProto,
  type TensorProto,
} from "./onnx-schema.js";

/** The weights of a model in float32, by their names in its state dict. */
export type Weights = ReadonlyMap<string, { data: Float32Array; shape: readonly number[] }>;

/** A graph that grows node by node. Values have the names of the layers that they come from. */
export class OnnxGraph implements OnnxNodes {
  readonly nodes: NodeProto[] = [];
  readonly #weights: Weights;
  readonly #initializers = new Map<string, TensorProto>();
  readonly #names: Set<string>;

  /** @param reserved names of the graph's inputs and outputs */
  constructor(weights: Weights, reserved: readonly string[]) {
    this.#weights = weights;
    this.#names = new Set(reserved);
  }

  get initializers(): readonly TensorProto[] {
    return [...this.#initializers.values()];
  }

  /** Adds a node and gives its output, which is `name` or, where that is taken, made of it. */
  node(opType: string, name: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const output = this.#unused(name);
    const attribute = Object.entries(attributes).map(toAttribute);
    this.nodes.push({ name: output, opType, input: inputs, output: [output], attribute });
    return output;
  }

  /** Gives a value the name of one of the graph's outputs. */
  output(name: string, value: string): void {
    this.nodes.push({ name, opType: "Identity", input: [value], output: [name], attribute: [] });
  }

  /** A parameter or buffer of the model. @param shape where another one than its own is wanted */
  weight(name: string, shape?: readonly number[]): string {
    const stored = this.#weights.get(name);
    if (!stored) throw new RangeError(`the model has no tensor ${name}`);
    return this.#initializer(name, stored.data, shape ?? stored.shape);
  }

  /** A tensor of float32 that the model does not have. */
  constant(name: string, values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.#initializer(this.#unused(name), Float32Array.from(values), shape);
  }

  scalar(name: string, value: number): string {
    return this.constant(name, [value], []);
  }

  /** int64 [values.length], as shapes and axes are given. */
  integers(name: string, values: readonly number[]): string {
    return this.#initializer(this.#unused(name), BigInt64Array.from(values, BigInt), [values.length]);
  }

  #initializer(name: string, data: Float32Array | BigInt64Array, dims: readonly number[]): string {
    this.#names.add(name);
    this.#initializers.set(name, {
      name,
      dims,
      dataType: data instanceof Float32Array ? DATA_TYPE.float : DATA_TYPE.int64,
      rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    });
    return name;
  }

  #unused(name: string): string {
    let unused = name;
    for (let count = 1; this.#names.has(unused) || this.#weights.has(unused); count += 1) {
      unused = `${name}_${count}`;
    }
    this.#names.add(unused);
    return unused;
  }
}

function toAttribute([name, value]: [string, Attributes[string]]): AttributeProto {
  if (typeof value === "number") return { name, type: ATTRIBUTE.int, i: value };
  if ("float" in value) return { name, type: ATTRIBUTE.float, f: value.float };
  return { name, type: ATTRIBUTE.ints, ints: value };
}
