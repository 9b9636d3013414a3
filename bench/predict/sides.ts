import { createRequire } from "node:module";
import { Model, type Tensor } from "mutual-channel-loss";
import { exportOnnx } from "mutual-channel-loss/models";
import { Generator, inferenceMode, randn } from "mutual-channel-loss/tensor";
import { native } from "#lib/native/binding.js";
import { PythonProcess } from "../python-process.js";
import { specFor, type Problem } from "./problem.js";

/** One way to predict: each run is one batch, from images in memory to logits in memory. */
export interface Side {
  /** Its time in ms. */
  run(): Promise<number>;
  /** What it answered last, where it tells. */
  logits?: Float32Array;
  stop?(): void;
}

export function imagesOf({ batch, size }: Problem): Tensor {
  return randn([batch, 3, size, size], { generator: new Generator(3) });
}

export function modelOf(problem: Problem): Model {
  return new Model(specFor(problem), { seed: 1 }).eval();
}

/** This package; `frozen` or as training leaves it. */
export async function ours(problem: Problem, frozen: boolean): Promise<Side> {
  const { precision, threads } = problem;
  const model = modelOf(problem);
  const images = imagesOf(problem);
  if (frozen) await model.freezeForInference({ precision });
  const side: Side = {
    run: () =>
      inferenceMode(async () => {
        native().threads(threads);
        const started = performance.now();
        const { features, logits } = await model.forward(images, { precision });
        side.logits = (await logits.data()) as Float32Array;
        const ms = performance.now() - started;
        features.dispose();
        logits.dispose();
        return ms;
      }),
    stop: () => model.dispose(),
  };
  return side;
}

interface OnnxRuntime {
  InferenceSession: {
    create(
      path: string,
      options: object,
    ): Promise<{
      run(feeds: object): Promise<{ logits: { data: Float32Array } }>;
      release(): Promise<void>;
    }>;
  };
  Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => object;
}

/** onnxruntime-node, which is found on NODE_PATH; it is no dependency. */
export function findOnnxRuntime(): OnnxRuntime | undefined {
  try {
    return createRequire(import.meta.url)("onnxruntime-node") as OnnxRuntime;
  } catch {
    return undefined;
  }
}

/** Writes the network of a problem for onnxruntime. */
export async function exportProblem(problem: Problem, path: string): Promise<void> {
  using model = modelOf(problem);
  await exportOnnx(model, path);
}

/** The same images through what {@link exportProblem} wrote, in onnxruntime. */
export async function onnx(problem: Problem, path: string, runtime: OnnxRuntime): Promise<Side> {
  using images = imagesOf(problem);
  const input = new runtime.Tensor("float32", (await images.data()) as Float32Array, images.shape);
  const session = await runtime.InferenceSession.create(path, {
    intraOpNumThreads: problem.threads,
    graphOptimizationLevel: "all",
  });
  const side: Side = {
    run: async () => {
      const started = performance.now();
      side.logits = (await session.run({ images: input })).logits.data;
      return performance.now() - started;
    },
    stop: () => void session.release(),
  };
  return side;
}

/** A PyTorch process: eager in channels_last, or compiled with frozen weights. */
export async function pytorch(problem: Problem, command: string, compile: boolean): Promise<Side> {
  const python = await PythonProcess.start(command, "predict.py");
  if (!python) throw new Error(`no PyTorch in ${command}`);
  await python.ask({ ask: "begin", ...problem, compile });
  return {
    run: async () => (await python.ask<{ ms: number }>({ ask: "run" })).ms,
    stop: () => python.stop(),
  };
}
