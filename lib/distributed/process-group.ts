import { z } from "zod";
import { checkList, checkRecord } from "../check-argument.js";
import { invalidArgument, McLossError } from "../errors.js";
import { native, type ProcessGroupHandle } from "../native/binding.js";
import { Owner } from "../native/owner.js";
import { index, optionsOf, parseOptions, type Shape } from "../schema.js";
import { checkTensor } from "../tensor/check-tensor.js";
import { Tensor } from "../tensor/tensor.js";
import { bucketsOf } from "./buckets.js";
import type { C10dStore } from "./c10d-store.js";
import type { Conversation } from "./conversation.js";
import { agree } from "./hello.js";

/** What collectives run on: Gloo on the CPU's network, or NCCL between GPUs. */
export type GroupBackend = "gloo" | "nccl";

/** What several processes' tensors become one by. */
export type CollectiveReduction = "sum" | "mean" | "min" | "max";

/** A process's place in its group. */
export interface GroupPlace {
  rank: number;
  worldSize: number;
  localRank: number;
  backend: GroupBackend;
}

/**
 * The processes of a run, for collectives: what all of them call, in the same order and with tensors of the same shapes and
 * dtypes. After a collective has failed, none works any more.
 */
export class ProcessGroup {
  /** This process's number, from 0. */
  readonly rank: number;
  /** How many processes there are. */
  readonly worldSize: number;
  /** Its number among those of its machine. */
  readonly localRank: number;
  /** What its collectives run on. */
  readonly backend: GroupBackend;
  readonly #owner: Owner<ProcessGroupHandle> | undefined;
  readonly #store: C10dStore | undefined;
  /** What is said through the store. */
  readonly #talk: Conversation | undefined;

  /** @internal */
  constructor(place: GroupPlace, handle?: ProcessGroupHandle, store?: C10dStore, talk?: Conversation) {
    checkRecord("place", place, "what initProcessGroup() gives: call that");
    this.rank = place.rank;
    this.worldSize = place.worldSize;
    this.localRank = place.localRank;
    this.backend = place.backend;
    this.#owner = handle && new Owner("process group", handle);
    this.#store = store;
    this.#talk = talk;
  }

  /** @internal Undefined in a group of one. */
  get handle(): ProcessGroupHandle | undefined {
    return this.#owner?.handle;
  }

  /**
   * Makes the tensor, in place, the sum over all processes or what else `op` says (torch.distributed.all_reduce).
   * @param options.op default "sum"
   * @throws McLossError ERR_DISTRIBUTED, ERR_ARGUMENT
   */
  async allReduce(tensor: Tensor, options: { op?: CollectiveReduction } = {}): Promise<void> {
    checkTensor("tensor", tensor);
    const { op = "sum" } = parseOptions(reduceOptions, options);
    checkReduced(tensor, op);
    if (this.handle) await native().allReduce(this.handle, tensor.handle, op);
  }

  /**
   * Gives all processes one's elements, in place (torch.distributed.broadcast).
   * @param options.from the rank of that process. Default 0
   * @throws McLossError ERR_DISTRIBUTED, ERR_ARGUMENT
   */
  async broadcast(tensor: Tensor, options: { from?: number } = {}): Promise<void> {
    checkTensor("tensor", tensor);
    const { from = 0 } = parseOptions(broadcastOptions, options);
    if (from >= this.worldSize)
      throw invalidArgument("from", `must be from 0 to ${this.worldSize - 1}, got ${from}`);
    if (this.handle) await native().broadcast(this.handle, tensor.handle, from);
  }

  /**
   * A new tensor [worldSize, ...shape] with the elements of all processes, by rank (torch.distributed.all_gather).
   * @throws McLossError ERR_DISTRIBUTED, ERR_ARGUMENT
   */
  async allGather(tensor: Tensor): Promise<Tensor> {
    checkTensor("tensor", tensor);
    if (!this.handle) return tensor.detach().unsqueeze(0).clone();
    return new Tensor(await native().allGather(this.handle, tensor.handle));
  }

  /**
   * Makes the gradients of parameters the mean over all processes, in few messages: after `backward()` and before
   * `optimizer.step()` of a loop of your own. All processes give the same parameters, in the same order; one that no process
   * has a gradient of keeps none. A {@link Trainer} does it by itself.
   * @throws McLossError ERR_DISTRIBUTED, ERR_ARGUMENT
   */
  async averageGradients(parameters: readonly Tensor[]): Promise<void> {
    checkList("parameters", parameters, "tensors");
    parameters.forEach((parameter, index) => checkTensor(`parameters[${index}]`, parameter));
    if (!this.handle) return;
    const handles = parameters.map((parameter) => parameter.handle);
    await native().averageGradients(this.handle, handles, { ...bucketsOf(this.backend), compress: false });
  }

  /**
   * Waits until all processes are here (torch.distributed.barrier).
   * @throws McLossError ERR_DISTRIBUTED
   */
  async barrier(): Promise<void> {
    if (this.handle) await native().barrier(this.handle);
  }

  /**
   * @internal Sees that all processes have the same facts, such as a recipe.
   * @param what the facts are: "recipe"
   * @throws McLossError ERR_DISTRIBUTED naming a fact that differs, on all processes
   */
  async agree(what: string, facts: Readonly<Record<string, unknown>>): Promise<void> {
    if (this.#talk) await agree(this.#talk, what, facts);
  }

  /**
   * Tells the other processes why this one ends, and lets go of them.
   * @param error what it fails with
   * @returns the same or, of a connection that was lost, an error that names the process which is gone, as `ranks`, and what
   * that failed with where it could tell
   */
  async fail(error: unknown): Promise<unknown> {
    if (!this.#talk || !this.#store || this.#store.disposed) return error;
    const letGo = () => this.#letGo();
    const told = isLost(error) ? await this.#talk.lost(error, letGo) : await this.#talk.fail(error, letGo);
    await this.destroy();
    return told;
  }

  /**
   * Drops the connections, which ends collectives of the others that wait for this process. A process that fails calls it
   * before anything else. May be called again.
   */
  async destroy(): Promise<void> {
    await this.#letGo();
    this.#store?.dispose();
  }

  async #letGo(): Promise<void> {
    if (!this.#owner || this.#owner.disposed) return;
    const destroyed = native().destroyGroup(this.#owner.handle);
    this.#owner.dispose();
    await destroyed;
  }

  /** Calls destroy(): for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy();
  }
}

/** Of a collective: what was said before has the ranks at fault. */
function isLost(error: unknown): boolean {
  if (!(error instanceof McLossError) || error.code !== "ERR_DISTRIBUTED") return false;
  // That is what they found out together, see native/distributed/process_group.cpp.
  return error.ranks === undefined && !error.message.startsWith("the processes do not do the same");
}

const reduceOptions = optionsOf<{ op?: CollectiveReduction }>({
  op: z.enum(["sum", "mean", "min", "max"]).optional(),
});
const broadcastOptions = optionsOf<{ from?: number }>({ from: index.optional() } satisfies Shape<{
  from?: number;
}>);

/** What Gloo adds and compares. */
const REDUCED = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int8", "uint8"];

function checkReduced({ dtype }: Tensor, op: CollectiveReduction): void {
  if (!REDUCED.includes(dtype)) {
    const known = `${REDUCED.slice(0, -1).join(", ")} or ${REDUCED.at(-1)}`;
    throw new McLossError("ERR_DTYPE", `tensor must be of ${known}, got ${dtype}`, { argument: "tensor" });
  }
  if (op !== "mean" || /float/.test(dtype)) return;
  throw new McLossError("ERR_DTYPE", `tensor must be of a floating-point type for a mean, got ${dtype}`, {
    argument: "tensor",
  });
}
