import { McLossError } from "../errors.js";
import { bucketsOf } from "../distributed/buckets.js";
import { fromFirst, gatherData } from "../distributed/exchange.js";
import type { ProcessGroup } from "../distributed/process-group.js";
import type { Model } from "../models/model.js";
import { native, type GradientReducerHandle, type ProcessGroupHandle } from "../native/binding.js";
import { Owner } from "../native/owner.js";
import type { NamedTensors } from "../run/best-checkpoint.js";
import type { TrainerOptions } from "./trainer-options.js";

/** What several processes do together in one run, each on its part of every batch. */
export class DataParallel {
  readonly group: ProcessGroup;
  readonly #model: Model;
  readonly #reducer: Owner<GradientReducerHandle>;
  readonly #synchronized: boolean;

  private constructor(
    group: ProcessGroup,
    handle: ProcessGroupHandle,
    model: Model,
    options: TrainerOptions,
  ) {
    const { syncBatchNorm = false, gradientCompression } = options;
    this.group = group;
    this.#model = model;
    const parameters = model.parameters().map((parameter) => parameter.handle);
    const buckets = { ...bucketsOf(group.backend), compress: gradientCompression === "bfloat16" };
    this.#reducer = new Owner("reducer", native().createReducer(handle, parameters, buckets));
    this.#synchronized = syncBatchNorm;
    if (syncBatchNorm) native().setBatchNormGroup(model.handle, handle);
  }

  /** Undefined where there is one process. */
  static of(model: Model, options: TrainerOptions): DataParallel | undefined {
    const { group } = options;
    return group?.handle && new DataParallel(group, group.handle, model, options);
  }

  /** What the steps take of it. */
  get stepOptions(): { reducer: GradientReducerHandle } {
    return { reducer: this.#reducer.handle };
  }

  /** Gives all processes the tensors of rank 0. */
  async broadcast(tensors: NamedTensors): Promise<void> {
    await native().broadcastTensors(this.#group, handlesOf(tensors));
  }

  /** What rank 0 makes, as plain data; what it throws, all throw. */
  fromFirst<T>(make: () => Promise<T>): Promise<T> {
    return fromFirst(this.group, make);
  }

  /** What each process has, by rank, as plain data. */
  gather<T>(value: T): Promise<T[]> {
    return gatherData(this.group, value);
  }

  /**
   * Looks whether all processes have the same state, bit for bit.
   * @param when for the message
   * @throws McLossError ERR_DISTRIBUTED, on all processes, naming a tensor that differs
   */
  async check(tensors: NamedTensors, when: string): Promise<void> {
    const [position, ...others] = await native().findDifferences(this.#group, handlesOf(tensors));
    if (position === undefined) return;
    const rest = others.length > 0 ? ` and ${others.length} other tensors` : "";
    const text = `${tensors[position]?.[0]}${rest} differ between the processes ${when}`;
    const ranks = Array.from({ length: this.group.worldSize }, (_, rank) => rank);
    throw new McLossError("ERR_DISTRIBUTED", `${text}: something changed them in one process alone`, {
      ranks,
    });
  }

  get #group(): ProcessGroupHandle {
    // There is one as long as there are several processes.
    return this.group.handle as ProcessGroupHandle;
  }

  /** Frees what it made. May be called again. */
  dispose(): void {
    if (this.#reducer.disposed) return;
    this.#reducer.dispose();
    if (this.#synchronized) native().setBatchNormGroup(this.#model.handle, null);
  }
}

function handlesOf(tensors: NamedTensors) {
  return tensors.map(([, tensor]) => tensor.handle);
}
