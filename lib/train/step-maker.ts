import type { Batch } from "../loader/batch.js";
import type { DataLoader } from "../loader/data-loader.js";
import { Model } from "../models/model.js";
import { native, type TensorHandle, type Update } from "../native/binding.js";
import { EMA } from "../optim/ema.js";
import { GradScaler } from "../optim/grad-scaler.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { NamedTensors } from "../run/best-checkpoint.js";
import { changingTensors, type TrainingParts } from "../run/last-checkpoint.js";
import { zeros } from "../tensor/creation.js";
import { backwardMode } from "../tensor/grad-mode.js";
import { keep } from "../tensor/scope.js";
import type { Tensor } from "../tensor/tensor.js";
import { buildOptimizer } from "./build-optimizer.js";
import { DataParallel } from "./data-parallel.js";
import { evaluateObjective, type Evaluation, type EvaluationOptions } from "./evaluate.js";
import type { NoticeEvent } from "./events.js";
import { reasonAgainstDiversity } from "./objective.js";
import { nativeMixing } from "./mix-batch.js";
import type { Mixing } from "./mixing/definition.js";
import type { RunObjective } from "./run-objective.js";
import { StepGraph } from "./step-graph.js";
import type { TrainerOptions } from "./trainer-options.js";

/** Which batches make one update. */
export interface Accumulation {
  /** How many batches there are to be. */
  accumulate: number;
  /** How many came before. */
  position: number;
}

/** Makes the steps of one run; owns all that they change beside the model and the objective. */
export class StepMaker {
  /** What is trained, held for the length of the run. */
  readonly model: Model;
  /** The processes of the run; undefined where there is one. */
  readonly parallel: DataParallel | undefined;
  readonly #options: TrainerOptions;
  readonly #objective: RunObjective;
  readonly #optimizer: Optimizer;
  readonly #baseRates: readonly number[];
  readonly #scaler: GradScaler | undefined;
  readonly #ema: EMA | undefined;
  readonly #graph: StepGraph | undefined;
  readonly #foundInf: Tensor;
  /** Epochs of the run that are over after the next step. */
  #epochs = Infinity;
  /** Notices of the run that were not told yet. */
  #untold: readonly NoticeEvent[];

  /** @param model as the run finds it */
  constructor(model: Model, options: TrainerOptions, objective: RunObjective) {
    const { ema, cudaGraph, accumulate = 1, precision } = options;
    this.model = model.hold();
    this.#options = options;
    this.#objective = objective;
    this.#optimizer = buildOptimizer(this.model, options.optimizer);
    this.#baseRates = [...this.#optimizer.learningRates];
    this.#scaler = precision === "float16" ? new GradScaler() : undefined;
    this.#ema = ema === undefined ? undefined : new EMA(this.model, ema);
    this.#foundInf = keep(zeros([], { device: this.model.device }));
    this.parallel = DataParallel.of(this.model, options);
    const processes = this.parallel?.group.worldSize ?? 1;
    this.#graph = cudaGraph ? new StepGraph(this.model, accumulate, processes) : undefined;
    const reason = reasonAgainstDiversity(this.model, objective.options);
    this.#untold = reason === undefined ? [] : [{ type: "notice", reason }];
  }

  /** Training images of each class, where the loss goes by them. */
  get classCounts(): readonly number[] | undefined {
    return this.#objective.classCounts;
  }

  /** Whether steps measure the terms of MC-Loss. */
  get channels(): boolean {
    return this.#objective.channels;
  }

  /** Whether masks are drawn for each image, so that each process draws its own. */
  get ownMasks(): boolean {
    return this.#objective.options.perSample;
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

  /** @param epochs of the run that are over after the next step; a part of one counts */
  setEpochs(epochs: number): void {
    this.#epochs = epochs;
  }

  /** Makes a step and frees the batch. Gives the batch's metrics, on the model's device. */
  async step(batch: Batch, accumulation: Accumulation, mixing?: Mixing): Promise<TensorHandle> {
    const data = {
      images: batch.images.handle,
      labels: batch.labels.handle,
      mixing: mixing && nativeMixing(mixing, this.model.spec.classes),
    };
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
      objective: this.#objective.after(this.#epochs),
      learningRates: this.#optimizer.learningRates,
      autocast: precision === "float32" ? undefined : precision,
      clipNorm,
      clipValue,
      scaler: this.#scaler?.handle,
      ema: this.#ema?.handle,
      // A captured step has the weight of its own time.
      ...(this.#objective.isWarm(this.#epochs) ? this.#graph?.stepOptions : undefined),
      ...this.parallel?.stepOptions,
      foundInf: this.#foundInf.handle,
      skipNonFinite: onNan === "skip",
    };
  }

  /** What is not as it was asked for, once. */
  notices(): NoticeEvent[] {
    const untold = this.#untold;
    this.#untold = [];
    return [...untold, ...(this.#graph?.notices() ?? [])];
  }

  /** What a checkpoint of the run holds. */
  parts(): TrainingParts {
    return {
      model: this.model,
      optimizer: this.#optimizer,
      scaler: this.#scaler,
      ema: this.#ema,
      masks: this.#objective.options.generator,
      added: this.#objective.tensors,
    };
  }

  /** All tensors that change in the run, by name. */
  changing(): NamedTensors {
    return changingTensors(this.parts());
  }

  /** The model's state as it is judged and delivered: the average, where there is one. */
  delivered(): NamedTensors {
    return (this.#ema ?? this.model).state().map(({ name, tensor }) => [name, tensor] as const);
  }

  /** Losses and accuracy of what is delivered, in evaluation mode. */
  async evaluate(loader: DataLoader, given: EvaluationOptions): Promise<Evaluation> {
    const options = { ...given, group: this.parallel?.group };
    const objective = this.#objective.options;
    if (!this.#ema) return evaluateObjective(this.model, loader, objective, options);
    using averaged = new Model(this.model.spec, { info: this.model.info });
    averaged.loadStateDict(Object.fromEntries(this.delivered()));
    await averaged.to(this.model.device);
    return await evaluateObjective(averaged, loader, objective, options);
  }

  /** Gives the model the average, where there is one. */
  deliver(): void {
    if (this.#ema) this.model.loadStateDict(Object.fromEntries(this.delivered()));
  }

  /** Frees all of it, and lets go of the model. May be called again. */
  dispose(): void {
    this.#graph?.dispose();
    this.parallel?.dispose();
    this.#foundInf.dispose();
    this.#ema?.dispose();
    this.#scaler?.dispose();
    this.#optimizer.dispose();
    this.model.dispose();
  }
}
