/** A node's settings: whole numbers and lists of them are written as such; `float()` marks the others. */
export type Attributes = Record<string, number | readonly number[] | Float>;

interface Float {
  float: number;
}

/** An attribute of type FLOAT, whole or not. */
export function float(value: number): Float {
  return { float: value };
}

/** One value of a graph: [N, ...shape]. */
export interface Value {
  name: string;
  shape: readonly number[];
}

/** What layers are written to as ONNX: operators of opset 17, whose meaning later ones have kept. lib/export has it. */
export interface OnnxNodes {
  /** Adds a node and gives its output, which is `name` or, where that is taken, made of it. */
  node(opType: string, name: string, inputs: readonly string[], attributes?: Attributes): string;
  /** A parameter or buffer of the model. @param shape where another one than its own is wanted */
  weight(name: string, shape?: readonly number[]): string;
  /** A tensor of float32 that the model does not have. */
  constant(name: string, values: readonly number[], shape?: readonly number[]): string;
  scalar(name: string, value: number): string;
  /** int64 [values.length], as shapes and axes are given. */
  integers(name: string, values: readonly number[]): string;
}

/** The weight and, where there is one, the bias of the layer `name`. */
export function weightAndBias(graph: OnnxNodes, name: string, bias: boolean): string[] {
  const weight = graph.weight(`${name}.weight`);
  return bias ? [weight, graph.weight(`${name}.bias`)] : [weight];
}
