import { createRequire } from "node:module";

/** A network that onnxruntime has loaded. */
export interface OnnxSession {
  inputNames: readonly string[];
  outputNames: readonly string[];
  run(
    feeds: Record<string, unknown>,
  ): Promise<Record<string, { data: Float32Array; dims: readonly number[] }>>;
}

/** What the tests use of onnxruntime-node. */
interface OnnxRuntime {
  InferenceSession: { create(path: string, options?: object): Promise<OnnxSession> };
  Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => unknown;
}

/**
 * onnxruntime-node, or undefined where it is not installed: it is no dependency, as its install script downloads CUDA
 * libraries. `npm install --prefix DIR --ignore-scripts onnxruntime-node` and NODE_PATH=DIR/node_modules bring it.
 */
export function findOnnxRuntime(): OnnxRuntime | undefined {
  try {
    return createRequire(import.meta.url)("onnxruntime-node") as OnnxRuntime;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}
