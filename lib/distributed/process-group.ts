import { z } from "zod";
import { invalidArgument, McLossError } from "../errors.js";
import { native, type ProcessGroupHandle } from "../native/binding.js";
import { Owner } from "../native/owner.js";
import { count, flag, index, optionsOf, parseOptions, text, type Shape } from "../schema.js";
import { checkTensor } from "../tensor/check-tensor.js";
import { Tensor } from "../tensor/tensor.js";
import { C10dStore } from "./c10d-store.js";

/** What collectives run on: Gloo on the CPU's network, or NCCL between GPUs. */
export type GroupBackend = "gloo" | "nccl";

/** What several processes' tensors become one by. */
export type Reduction = "sum" | "mean" | "min" | "max";

/** Where the processes of a group find one another. */
export type GroupStore =
  /** A file that there is not yet, on a disk that all of them reach. */
  | { file: string }
  /** `serve`: whether this process keeps the store; by default rank 0 does. */
  | { host: string; port: number; serve?: boolean };

/** Options of {@link initProcessGroup}. */
export interface ProcessGroupOptions {
  /** This process's number, from 0. */
  rank: number;
  /** How many processes there are. */
  worldSize: number;
  /** Its number among those of its machine, which is that of its GPU. Default: `rank`. */
  localRank?: number;
  /** Not needed where there is one process. */
  store?: GroupStore;
  /** What the group's keys in the store begin with, which a store that outlives a group needs. Default "mcloss". */
  prefix?: string;
  /** This machine's, as the other processes reach it. Default: 127.0.0.1 where the store is a file. */
  address?: string;
  /** Default "gloo". */
  backend?: GroupBackend;
  /** How long each waits for the others in a collective before it fails. Default 600. */
  timeoutSeconds?: number;
}

const storeSchema: z.ZodType<GroupStore, GroupStore> = z.union([
  z.strictObject({ file: text }),
  z.strictObject({ host: text, port: z.int().min(0).max(65_535), serve: flag.optional() }),
]);

const groupOptions = optionsOf<ProcessGroupOptions>({
  rank: index,
  worldSize: count,
  localRank: index.optional(),
  store: storeSchema.optional(),
  prefix: text.optional(),
  address: text.optional(),
  backend: z.enum(["gloo", "nccl"]).optional(),
  timeoutSeconds: z.number().gt(0).optional(),
});

const DEFAULT_TIMEOUT_SECONDS = 600;
const MILLISECONDS = 1000;

/**
 * Joins the processes of a run, and waits until all are there (torch.distributed.init_process_group). One process is a
 * group of one, without sockets.
 * @throws McLossError ERR_ARGUMENT naming the option, ERR_DISTRIBUTED where the others do not come
 */
export async function initProcessGroup(given: ProcessGroupOptions): Promise<ProcessGroup> {
  const options = parseOptions(groupOptions, given);
  const { rank, worldSize, localRank = rank, backend = "gloo", prefix = "mcloss" } = options;
  if (rank >= worldSize) throw invalidArgument("rank", `must be from 0 to ${worldSize - 1}, got ${rank}`);
  const place = { rank, worldSize, localRank, backend };
  if (worldSize === 1) return new ProcessGroup(place);
  const timeout = Math.ceil((options.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS) * MILLISECONDS);
  const meeting = options.store;
  if (!meeting) throw invalidArgument("store", "is missing: several processes need one to find one another");
  const isFile = "file" in meeting;
  const store = await C10dStore.connect({ serve: rank === 0, ...meeting, worldSize, timeout });
  try {
    const address = options.address ?? (isFile ? "127.0.0.1" : undefined);
    const group = { backend, prefix: `${prefix}/group/`, rank, worldSize, address, timeout };
    return new ProcessGroup(place, await native().createGroup(store.handle, group), store);
  } catch (error) {
    store.dispose();
    throw error;
  }
}

/** A process's place in its group. */
interface Place {
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

  /** @internal */
  constructor(place: Place, handle?: ProcessGroupHandle, store?: C10dStore) {
    this.rank = place.rank;
    this.worldSize = place.worldSize;
    this.localRank = place.localRank;
    this.backend = place.backend;
    this.#owner = handle && new Owner("process group", handle);
    this.#store = store;
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
  async allReduce(tensor: Tensor, options: { op?: Reduction } = {}): Promise<void> {
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
   * Waits until all processes are here (torch.distributed.barrier).
   * @throws McLossError ERR_DISTRIBUTED
   */
  async barrier(): Promise<void> {
    if (this.handle) await native().barrier(this.handle);
  }

  /**
   * Drops the connections, which ends collectives of the others that wait for this process. A process that fails calls it
   * before anything else. May be called again.
   */
  async destroy(): Promise<void> {
    if (!this.#owner || this.#owner.disposed) return;
    const destroyed = native().destroyGroup(this.#owner.handle);
    this.#owner.dispose();
    await destroyed;
    this.#store?.dispose();
  }

  /** Calls destroy(): for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy();
  }
}

const reduceOptions = optionsOf<{ op?: Reduction }>({ op: z.enum(["sum", "mean", "min", "max"]).optional() });
const broadcastOptions = optionsOf<{ from?: number }>({ from: index.optional() } satisfies Shape<{
  from?: number;
}>);

/** What Gloo adds and compares. */
const REDUCED = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int8", "uint8"];

function checkReduced({ dtype }: Tensor, op: Reduction): void {
  if (!REDUCED.includes(dtype)) {
    const known = `${REDUCED.slice(0, -1).join(", ")} or ${REDUCED.at(-1)}`;
    throw new McLossError("ERR_DTYPE", `tensor must be of ${known}, got ${dtype}`, { argument: "tensor" });
  }
  if (op !== "mean" || /float/.test(dtype)) return;
  throw new McLossError("ERR_DTYPE", `tensor must be of a floating-point type for a mean, got ${dtype}`, {
    argument: "tensor",
  });
}
