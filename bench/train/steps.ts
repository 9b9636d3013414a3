import {
  Model,
  tensor,
  Trainer,
  type DataLoader,
  type Device,
  type ModelSpec,
  type TrainerOptions,
} from "mutual-channel-loss";
import { Batch } from "mutual-channel-loss/data";
import { Generator, randn } from "mutual-channel-loss/tensor";
import { specOf, type Precision, type Problem } from "./problem.js";

/** Training steps of one batch that is ready, through {@link Trainer}, one at a time. */
export class Steps {
  readonly model: Model;
  readonly #events;

  /** @param most steps that are trained */
  constructor(
    spec: ModelSpec,
    options: { batch: number; precision: Precision; most: number } & Pick<
      TrainerOptions,
      "group" | "gradientCompression" | "tf32" | "cudaGraph"
    >,
    model: Model = new Model(spec),
  ) {
    const { batch, precision, most, ...parallel } = options;
    this.model = model;
    const trainer = new Trainer(this.model, {
      epochs: 1,
      precision,
      optimizer: { learningRate: 0.01, momentum: 0.9, weightDecay: 5e-4 },
      schedule: { type: "constant" },
      ...parallel,
    });
    this.#events = trainer.fit(repeat(spec, batch, most, model.device));
  }

  /** Steps of a problem, on its device. */
  static async of(problem: Problem, most: number): Promise<Steps> {
    const { network, batch, precision, device = "cpu", tf32 = false, graph = false } = problem;
    const spec = specOf(network);
    const model = await new Model(spec).to(device);
    return new Steps(spec, { batch, precision, most, tf32, cudaGraph: graph }, model);
  }

  /** One step: its time in ms, and the loss. */
  async run(): Promise<{ ms: number; loss: number }> {
    const started = performance.now();
    for (;;) {
      const { done, value } = await this.#events.next();
      const ms = performance.now() - started;
      if (done || value.type === "epoch") throw new Error("no step is left");
      if (value.type === "step") return { ms, loss: value.loss };
    }
  }
}

/** A loader that has its batch at once. */
function repeat({ input, classes }: ModelSpec, size: number, length: number, device: Device): DataLoader {
  const { channels, height, width } = input;
  const images = randn([size, channels, height, width], { generator: new Generator(1) });
  const labels = Int32Array.from({ length: size }, (_, i) => i % classes);
  const samples = Array.from({ length: size }, (_, i) => ({ path: `image ${i}`, label: i % classes }));
  const targets = tensor(labels, { dtype: "int64", device });
  const batch = new KeptBatch(images.to(device), targets, samples);
  const loader = {
    length,
    device,
    epoch: 0,
    skipped: [],
    async *batches() {
      for (let i = 0; i < length; i += 1) yield await Promise.resolve(batch);
    },
  };
  return loader as unknown as DataLoader;
}

/** What the trainer is done with serves the next step. */
class KeptBatch extends Batch {
  override dispose(): void {}
}
