import type { Batch } from "../loader/batch.js";
import type { DataLoader } from "../loader/data-loader.js";
import { Model } from "../models/model.js";
import { native, type ObjectiveOptions, type TensorHandle, type Update } from "../native/binding.js";
import { EMA } from "../optim/ema.js";
import { GradScaler } from "../optim/grad-scaler.js";
import type { Optimizer } from "../optim/optimizer.js";
import { zeros } from "../tensor/creation.js";
import { backwardMode } from "../tensor/grad-mode.js";
import { keep } from "../tensor/scope.js";
import type { Tensor } from "../tensor/tensor.js";
import { buildOptimizer } from "./build-optimizer.js";
import { ClassCenters } from "./class-centers.js";
import { evaluateObjective, type EvaluateOptions, type Evaluation } from "./evaluate.js";
import type { NoticeEvent } from "./events.js";
import { trainsChannels } from "./metrics.js";
import { buildObjective, requirePlaces } from "./objective.js";
import { StepGraph } from "./step-graph.js";
import type { TrainerOptions } from "./trainer-options.js";
import type { NamedTensors, TrainingParts } from "./training-checkpoint.js";

/** Which batches make one update. */
export interface Accumulation {
  /** How many batches there are to be. */
  accumulate: number;
  /** How many came before. */
  position: number;
}

/** Makes the steps of a model's training; owns all that they change beside the model. */
export class StepMaker {
  readonly #given: Model;
  #held: Model | undefined;
  /** Whether steps measure the terms of MC-Loss. */
  readonly channels: boolean;
  readonly #options: TrainerOptions;
  readonly #objective: ObjectiveOptions;
  readonly #centers: ClassCenters | undefined;
  readonly #optimizer: Optimizer<{ learningRate: number }>;
  readonly #baseRates: readonly number[];
  readonly #scaler: GradScaler | undefined;
  #ema: EMA | undefined;
  #graph: StepGraph | undefined;
  #foundInf: Tensor | undefined;

  /** @throws McLossError ERR_ARGUMENT naming the option */
  constructor(model: Model, options: TrainerOptions) {
    const { loss = {}, seed = 0 } = options;
    this.#given = model;
    this.#options = options;
    const objective = buildObjective(model, loss, seed);
    requirePlaces(model, objective);
    this.channels = trainsChannels(objective);
    this.#centers = loss !== "ce" && loss.center ? new ClassCenters(model, loss.center) : undefined;
    this.#objective = { ...objective, center: this.#centers?.term ?? null };
    this.#optimizer = buildOptimizer(model, options.optimizer);
    this.#baseRates = [...this.#optimizer.learningRates];
    this.#scaler = options.precision === "float16" ? new GradScaler() : undefined;
  }

  /** What is trained, held for the length of a run. */
  get model(): Model {
    return this.#held ?? this.#given;
  }

  /** Readies what is of the model as a run finds it. */
  begin(): void {
    this.#held = this.#given.hold();
    const { ema, cudaGraph, accumulate = 1 } = this.#options;
    this.#ema ??= ema === undefined ? undefined : new EMA(this.model, ema);
    this.#foundInf = keep(zeros([], { device: this.model.device }));
    // One for each run: what a graph has recorded is where the run's tensors are.
    if (cudaGraph) this.#graph = new StepGraph(this.model, accumulate);
  }

  /** Frees what was of one run. */
  end(): void {
    this.#foundInf?.dispose();
    this.#graph?.dispose();
    this.#held?.dispose();
    this.#held = undefined;
    this.#foundInf = undefined;
    this.#graph = undefined;
  }

  /** The first parameter group's. */
  get learningRate(): number {
    return this.#optimizer.learningRates[0] ?? 0;
  }

  /** @param factor of the rates that the optimizer was made with */
  setLearningRates(factor: number): void {
    this.#baseRates.forEach((rate, group) => {
      this.#optimizer.learningRates[group] = rate * factor;
    });
  }

  /** Makes a step and frees the batch. Gives the batch's metrics, on the model's device. */
  async step(batch: Batch, accumulation: Accumulation): Promise<TensorHandle> {
    const data = { images: batch.images.handle, labels: batch.labels.handle };
    const metrics = await native().trainStep({ ...this.#update(accumulation), ...data }, backwardMode());
    batch.dispose();
    return metrics;
  }

  /** Makes the update of the batches since the last one, of which no more will come. */
  async finishUpdate(accumulation: Accumulation): Promise<void> {
    await native().finishUpdate(this.#update(accumulation));
  }

  #update(accumulation: Accumulation): Update {
    const { precision = "float32", clipNorm, clipValue, onNan } = this.#options;
    return {
      ...accumulation,
      model: this.model.handle,
      optimizer: this.#optimizer.handle,
      objective: this.#objective,
      learningRates: this.#optimizer.learningRates,
      ...(precision === "float32" ? {} : { autocast: precision }),
      ...(clipNorm === undefined ? {} : { clipNorm }),
      ...(clipValue === undefined ? {} : { clipValue }),
      ...(this.#scaler ? { scaler: this.#scaler.handle } : {}),
      ...(this.#ema ? { ema: this.#ema.handle } : {}),
      ...this.#graph?.stepOptions,
      foundInf: (this.#foundInf as Tensor).handle,
      skipNonFinite: onNan === "skip",
    };
  }

  /** What is not as it was asked for, once. */
  notices(): NoticeEvent[] {
    return this.#graph?.notices() ?? [];
  }

  /** What a checkpoint of the run holds. */
  parts(): TrainingParts {
    return {
      model: this.model,
      optimizer: this.#optimizer,
      scaler: this.#scaler,
      ema: this.#ema,
      masks: this.#objective.generator,
      centers: this.#centers?.tensor,
    };
  }

  /** The model's state as it is judged and delivered: the average, where there is one. */
  delivered(): NamedTensors {
    return (this.#ema ?? this.model).state().map(({ name, tensor }) => [name, tensor] as const);
  }

  /** Losses and accuracy of what is delivered, in evaluation mode. */
  async evaluate(loader: DataLoader, options: Omit<EvaluateOptions, "loss">): Promise<Evaluation> {
    const { precision = this.#options.precision } = options;
    const resolved = { ...options, precision };
    if (!this.#ema) return evaluateObjective(this.model, loader, this.#objective, resolved);
    using averaged = new Model(this.model.spec, { info: this.model.info });
    averaged.loadStateDict(Object.fromEntries(this.delivered()));
    await averaged.to(this.model.device);
    return await evaluateObjective(averaged, loader, this.#objective, resolved);
  }

  /** Gives the model the average, where there is one. */
  deliver(): void {
    if (this.#ema) this.model.loadStateDict(Object.fromEntries(this.delivered()));
  }

  /** Frees everything but the model. */
  dispose(): void {
    this.end();
    this.#optimizer.dispose();
    this.#scaler?.dispose();
    this.#ema?.dispose();
    this.#centers?.tensor.dispose();
    if (this.#objective.generator) native().dispose(this.#objective.generator);
  }
}
