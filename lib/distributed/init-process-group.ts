import { z } from "zod";
import { invalidArgument, McLossError } from "../errors.js";
import { native } from "../native/binding.js";
import { abortShape, callback, count, flag, index, optionsOf, parseOptions, text } from "../schema.js";
import { isLoopback, listenAddress, ownAddress } from "./address.js";
import { C10dStore } from "./c10d-store.js";
import { Conversation } from "./conversation.js";
import { Deadline } from "./deadline.js";
import { plainHost, readEnvironment, type MeetingPlace } from "./environment.js";
import { introduce, sayHello } from "./hello.js";
import { ProcessGroup, type GroupBackend } from "./process-group.js";
import { reachStore, requireFreePort } from "./reach-store.js";

/** Where the processes of a group find one another. */
export type GroupStore =
  /** A file that there is not yet, on a disk that all of them reach. */
  | { file: string }
  /** `serve`: whether this process keeps the store; by default rank 0 does. */
  | { host: string; port: number; serve?: boolean };

/** Options of {@link initProcessGroup}. */
export interface ProcessGroupOptions {
  /** This process's number, from 0. Default, with all of the place: what the environment says. */
  rank?: number;
  /** How many processes there are. */
  worldSize?: number;
  /** Its number among those of its machine, which is that of its GPU. Default: `rank`. */
  localRank?: number;
  /** Not needed where there is one process. */
  store?: GroupStore;
  /** What the group's keys in the store begin with, which a store that outlives a group needs. Default "mcloss". */
  prefix?: string;
  /** This machine's, as the other processes reach it. Default: the one that leads to the store's, or GLOO_SOCKET_IFNAME's. */
  address?: string;
  /** Default "gloo". */
  backend?: GroupBackend;
  /** How long each waits for the others, at first and in a collective, before it fails. Default 600. */
  timeoutSeconds?: number;
  /** Ends the wait for the others, with ERR_ABORTED. */
  signal?: AbortSignal;
  /** Called with the ranks that are waited for, and why they may not come or "", where that takes longer than ten seconds. */
  onWaiting?: (ranks: readonly number[], hint: string) => void;
}

const storeSchema: z.ZodType<GroupStore, GroupStore> = z.union([
  z.strictObject({ file: text }),
  z.strictObject({ host: text, port: z.int().min(0).max(65_535), serve: flag.optional() }),
]);

const groupOptions = optionsOf<ProcessGroupOptions>({
  rank: index.optional(),
  worldSize: count.optional(),
  localRank: index.optional(),
  store: storeSchema.optional(),
  prefix: text.optional(),
  address: text.optional(),
  backend: z.enum(["gloo", "nccl"]).optional(),
  timeoutSeconds: z.number().gt(0).optional(),
  ...abortShape,
  onWaiting: callback.optional(),
});

const DEFAULT_TIMEOUT_SECONDS = 600;

/**
 * Joins the processes of a run, and waits until all are there (torch.distributed.init_process_group). Which there are, and
 * where they meet, is in the options or in the environment: RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT, as
 * torchrun and others set them, or Slurm's variables. One process is a group of one, without sockets.
 * @throws McLossError ERR_ARGUMENT naming the option or variable, ERR_DISTRIBUTED where the others do not come or are not as
 * they should be, ERR_ABORTED
 */
export async function initProcessGroup(given: ProcessGroupOptions = {}): Promise<ProcessGroup> {
  const options = parseOptions(groupOptions, given);
  const { backend = "gloo", timeoutSeconds = DEFAULT_TIMEOUT_SECONDS, signal, onWaiting } = options;
  const { rank, worldSize, localRank, place, prefix } = findPlace(options);
  const own = { rank, worldSize, localRank, backend };
  if (!place) return new ProcessGroup(own);
  const deadline = new Deadline(timeoutSeconds);
  const address = options.address ?? (await ownAddress(place));
  const { store, listen } = await openStore(place, { worldSize, deadline, signal });
  const hint = listen !== undefined && isLoopback(listen) ? onlyHere(listen) : "";
  const talk = new Conversation(store, { rank, worldSize, prefix, timeoutSeconds, signal, onWaiting, hint });
  try {
    await sayHello(talk, introduce(worldSize, address));
    const timeout = Math.ceil(1000 * timeoutSeconds);
    const group = { backend, prefix: `${prefix}/group/`, rank, worldSize, address, timeout };
    const handle = await talk.failingAll(() => native().createGroup(store.handle, group));
    return new ProcessGroup(own, handle, store, talk);
  } catch (error) {
    store.dispose();
    throw error;
  }
}

interface FoundPlace {
  rank: number;
  worldSize: number;
  localRank: number;
  /** Undefined where there is one process. */
  place?: MeetingPlace;
  prefix: string;
}

/** How many groups this process made as the environment says; the others made as many. */
let groups = 0;

function findPlace(options: ProcessGroupOptions): FoundPlace {
  const { rank, worldSize, store, localRank = rank, prefix = "mcloss" } = options;
  if (rank === undefined && worldSize === undefined) {
    const found = readEnvironment();
    groups += 1;
    return { ...found, prefix: `${prefix}/${found.prefix}/${groups}` };
  }
  if (rank === undefined || localRank === undefined)
    throw invalidArgument("rank", "is missing, beside worldSize");
  if (worldSize === undefined) throw invalidArgument("worldSize", "is missing, beside rank");
  if (rank >= worldSize) throw invalidArgument("rank", `must be from 0 to ${worldSize - 1}, got ${rank}`);
  if (worldSize === 1) return { rank, worldSize, localRank, prefix };
  if (!store) throw invalidArgument("store", "is missing: several processes need one to find one another");
  const place: MeetingPlace =
    "file" in store
      ? { type: "file", path: store.file }
      : { type: "tcp", serve: rank === 0, ...store, host: plainHost(store.host) };
  return { rank, worldSize, localRank, place, prefix };
}

interface OpenOptions {
  worldSize: number;
  deadline: Deadline;
  signal: AbortSignal | undefined;
}

interface OpenedStore {
  store: C10dStore;
  /** The address at which alone it listens in this process. */
  listen?: string;
}

async function openStore(
  place: MeetingPlace,
  { worldSize, deadline, signal }: OpenOptions,
): Promise<OpenedStore> {
  const timeout = Math.ceil(1000 * deadline.seconds);
  if (place.type === "file")
    return { store: await C10dStore.connect({ file: place.path, worldSize, timeout }) };
  const { port, serve } = place;
  const listen = serve ? await listenAddress(place) : undefined;
  if (serve) await requireFreePort(place, listen);
  const host = serve ? (listen ?? place.host) : await reachStore(place, deadline, signal);
  try {
    return { store: await C10dStore.connect({ host, port, serve, listen, worldSize, timeout }), listen };
  } catch (cause) {
    if (!(cause instanceof McLossError) || cause.code !== "ERR_DISTRIBUTED") throw cause;
    throw new McLossError("ERR_DISTRIBUTED", cause.message, { ranks: [0], cause });
  }
}

function onlyHere(listen: string): string {
  return `. Rank 0 is at ${listen}, which only this machine reaches: of several, MASTER_ADDR is its address in their network`;
}
