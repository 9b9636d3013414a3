import { createRequire } from "node:module";
import { Model, type Tensor } from "mutual-channel-loss";
import { exportOnnx } from "mutual-channel-loss/models";
import { Generator, inferenceMode, randn } from "mutual-channel-loss/tensor";
import { native } from "#lib/native/binding.js";
import { PythonProcess } from "../python-process.js";
import { specFor, type Problem } from "./problem.js";

/** What one batch took, from images in memory to logits in memory, in ms; `cpu` of all the process's threads. */
export interface Pass {
  ms: number;
  cpu: number;
}

/** One way to predict, in this process: each run is one batch. */
export interface Passes {
  run(): Promise<Pass>;
  /** What was answered last. */
  logits?: Float32Array;
  end(): Promise<void>;
}

/** One way to predict, in a process of its own, which is stopped but for its turns. */
export interface Side {
  resume(): void;
  pause(): void;
  pass(): Promise<Pass>;
}

async function time(work: () => Promise<void>): Promise<Pass> {
  const [before, started] = [process.cpuUsage(), performance.now()];
  await work();
  const ms = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  return { ms, cpu: (user + system) / 1000 };
}

export function imagesOf({ batch, size }: Problem): Tensor {
  return randn([batch, 3, size, size], { generator: new Generator(3) });
}

export function modelOf(problem: Problem): Model {
  return new Model(specFor(problem), { seed: 1 }).eval();
}

/** This package; `frozen` or as training leaves it. */
export async function ours(problem: Problem, frozen: boolean): Promise<Passes> {
  const { precision, threads } = problem;
  const model = modelOf(problem);
  const images = imagesOf(problem);
  if (frozen) await model.freezeForInference({ precision });
  native().threads(threads);
  const passes: Passes = {
    run: () =>
      time(() =>
        inferenceMode(async () => {
          const { features, logits } = await model.forward(images, { precision });
          passes.logits = (await logits.data()) as Float32Array;
          features.dispose();
          logits.dispose();
        }),
      ),
    end: async () => {
      images.dispose();
      model.dispose();
      await Promise.resolve();
    },
  };
  return passes;
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
export async function onnx(problem: Problem, path: string, runtime: OnnxRuntime): Promise<Passes> {
  using images = imagesOf(problem);
  const input = new runtime.Tensor("float32", (await images.data()) as Float32Array, images.shape);
  const session = await runtime.InferenceSession.create(path, {
    intraOpNumThreads: problem.threads,
    graphOptimizationLevel: "all",
  });
  const passes: Passes = {
    run: () =>
      time(async () => {
        passes.logits = (await session.run({ images: input })).logits.data;
      }),
    end: () => session.release(),
  };
  return passes;
}

/** A process of Python for {@link pytorch}, stopped until it is asked. */
export async function startPython(command: string): Promise<PythonProcess> {
  const python = await PythonProcess.start(command, "predict.py");
  if (!python) throw new Error(`no PyTorch in ${command}`);
  python.pause();
  return python;
}

/** PyTorch: eager in channels_last, or compiled with frozen weights. */
export async function pytorch(python: PythonProcess, problem: Problem, compile: boolean): Promise<Side> {
  python.resume();
  await python.ask({ ask: "begin", ...problem, compile });
  python.pause();
  return {
    resume: () => python.resume(),
    pause: () => python.pause(),
    pass: () => python.ask<Pass>({ ask: "run" }),
  };
}
