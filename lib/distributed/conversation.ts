import { setTimeout as sleep } from "node:timers/promises";
import { throwIfAborted } from "../abort.js";
import { McLossError } from "../errors.js";
import { Deadline } from "./deadline.js";
import type { Store } from "./store.js";

/** What a process tells the others when it cannot go on. */
interface Failure {
  ranks: readonly number[];
  message: string;
  /** Whether it was told to end. */
  aborted: boolean;
}

const FAILURE = "failure";
const HEARD = "heard";
const LOST = "lost";

const [FIRST_POLL_MS, LAST_POLL_MS] = [2, 100];
/** After this the caller is told who is waited for. */
const LONG_MS = 10_000;
/** How long rank 0, which keeps the store, stays for the others to hear why it ends. */
const HEARD_MS = 1000;
/** After this a store that does not answer is on a machine that is gone: c10d would wait for minutes. */
const STORE_MS = 1800;
/** How long those that lost a process wait for one more to say so: all see it at about the same time. */
const LOST_MS = 400;
/** How long where more than one is silent, as one that still computes: few end together. */
const LOST_LONG_MS = 1100;
/** How much longer rank 0 does, which keeps the store. */
const LOST_FIRST_MS = 300;

/** Who takes part, and how long each waits for the others. */
export interface ConversationOptions {
  rank: number;
  worldSize: number;
  /** What its keys begin with. */
  prefix: string;
  timeoutSeconds: number;
  /** Ends what waits, with ERR_ABORTED. */
  signal?: AbortSignal;
  /** What else to say where others do not come. */
  hint?: string;
  /** Called when others are waited for longer than ten seconds, with their ranks and the hint. */
  onWaiting?: (ranks: readonly number[], hint: string) => void;
}

/**
 * What the processes of a run tell one another in words, through the store, before they compute together. Whoever cannot
 * go on says so to all, and all end with the same error.
 */
export class Conversation {
  readonly rank: number;
  readonly worldSize: number;
  readonly #store: Store;
  readonly #options: ConversationOptions;
  /** Whether this process, or another, has said that it cannot go on. */
  #failed = false;
  #topics = 0;

  constructor(store: Store, options: ConversationOptions) {
    this.rank = options.rank;
    this.worldSize = options.worldSize;
    this.#store = store;
    this.#options = options;
  }

  /** A topic that was not talked about yet; all processes call it alike. */
  newTopic(about: string): string {
    this.#topics += 1;
    return `${about}/${this.#topics}`;
  }

  /** How often a key was counted so far, this time included. */
  async count(key: string): Promise<number> {
    return this.#store.add(this.#key(key), 1);
  }

  /** Says something once, as this process or, as `topic` is one's own, for all. */
  async say(topic: string, value: unknown): Promise<void> {
    await this.#store.set(this.#key(topic), JSON.stringify(value));
  }

  /**
   * What another process says, or said already.
   * @param from whose silence it is, for the error after the timeout
   * @throws McLossError ERR_DISTRIBUTED after the timeout, and what another failed with
   */
  async hear(topic: string, from: number, deadline = this.#deadline()): Promise<unknown> {
    await this.#wait([[from, this.#key(topic)]], deadline);
    return JSON.parse(await this.#store.get(this.#key(topic)));
  }

  /**
   * What each process says, by rank.
   * @param check called with each as it comes
   * @throws McLossError as {@link hear}, naming all who are silent
   */
  async hearAll(
    topic: string,
    check: (said: unknown, rank: number) => void = () => undefined,
  ): Promise<unknown[]> {
    const said: unknown[] = [];
    await this.#wait(this.#keysOf(topic), this.#deadline(), async ([rank, key]) => {
      said[rank] = JSON.parse(await this.#store.get(key));
      check(said[rank], rank);
    });
    return said;
  }

  /** What rank 0 says to all. @param make called there alone */
  async fromFirst(topic: string, make: () => unknown): Promise<unknown> {
    if (this.rank > 0) return this.hear(topic, 0);
    const value = await this.failingAll(make);
    await this.say(topic, value ?? null);
    return value;
  }

  /** Does something whose failure ends all processes. */
  async failingAll<T>(work: () => T | Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw await this.fail(error);
    }
  }

  /**
   * Tells the others why this process ends.
   * @param letGo called once they can know it: ends what they wait in for this process
   * @returns `error`
   */
  async fail(error: unknown, letGo?: () => Promise<void>): Promise<unknown> {
    if (this.#failed) return error;
    this.#failed = true;
    const tell = async () => {
      if (!(await this.#has(FAILURE))) await this.say(FAILURE, failureOf(error, this.rank));
      await letGo?.();
      await this.#stayForOthers();
    };
    // Without the store they see that this process is gone.
    await within(STORE_MS, tell(), undefined).catch(() => undefined);
    return error;
  }

  /** What some process failed with, if one did. */
  async failure(): Promise<McLossError | undefined> {
    if (!(await this.#has(FAILURE))) return undefined;
    const { ranks, message, aborted } = JSON.parse(await this.#store.get(this.#key(FAILURE))) as Failure;
    this.#failed = true;
    if (this.rank > 0) await this.count(HEARD);
    await this.#stayForOthers();
    return new McLossError(aborted ? "ERR_ABORTED" : "ERR_DISTRIBUTED", message, { ranks });
  }

  /**
   * After connections were lost: what the one that is gone failed with or, where it said nothing, who does not answer.
   * @param cause what was seen of it
   * @param letGo called first: ends what the others wait in for this process, which see it then as well
   */
  async lost(cause: unknown, letGo?: () => Promise<void>): Promise<McLossError> {
    const find = async () => {
      await letGo?.();
      return (await this.failure()) ?? lostRanks(await this.#missingAfterLoss(), cause);
    };
    // With the process of rank 0 the store is gone; where its machine is, there is no answer.
    const storeGone = lostRanks([0], cause);
    return within(STORE_MS, find(), storeGone).catch(() => storeGone);
  }

  async #missingAfterLoss(): Promise<number[]> {
    // Of two processes it is the other.
    if (this.worldSize === 2) return [1 - this.rank];
    await this.say(`${LOST}/${this.rank}`, true);
    const longer = this.rank === 0 ? LOST_FIRST_MS : 0;
    const last = new Deadline((LOST_LONG_MS + longer) / 1000);
    let quiet = new Deadline((LOST_MS + longer) / 1000);
    let missing = this.#keysOf(LOST);
    while (missing.length > 0 && !last.isOver && !(missing.length === 1 && quiet.isOver)) {
      await sleep(LAST_POLL_MS / 2);
      const before = missing.length;
      missing = await this.#absent(missing);
      if (missing.length < before) quiet = new Deadline((LOST_MS + longer) / 1000);
    }
    return missing.map(([rank]) => rank);
  }

  async #stayForOthers(): Promise<void> {
    const deadline = new Deadline(HEARD_MS / 1000);
    const heard = () => this.#store.add(this.#key(HEARD), 0);
    while (this.rank === 0 && !deadline.isOver && (await heard()) < this.worldSize - 1)
      await sleep(LAST_POLL_MS / 2);
  }

  #has(topic: string): Promise<boolean> {
    return this.#store.has(this.#key(topic));
  }

  #key(topic: string): string {
    return `${this.#options.prefix}/${topic}`;
  }

  /** Each process's own, by rank. */
  #keysOf(topic: string): RankKey[] {
    return Array.from({ length: this.worldSize }, (_, rank) => [rank, this.#key(`${topic}/${rank}`)]);
  }

  #deadline(): Deadline {
    return new Deadline(this.#options.timeoutSeconds);
  }

  async #wait(
    keys: readonly RankKey[],
    deadline: Deadline,
    onCome: (key: RankKey) => void | Promise<void> = () => undefined,
  ): Promise<void> {
    const { onWaiting, signal, hint = "" } = this.#options;
    const began = performance.now();
    let told = false;
    let pause = FIRST_POLL_MS;
    for (let missing = keys; ;) {
      const before = missing;
      missing = await this.#absent(before);
      for (const key of before) if (!missing.includes(key)) await onCome(key);
      if (missing.length === 0) return;
      const failure = await this.failure();
      if (failure) throw failure;
      throwIfAborted(signal, "the wait for other processes");
      const ranks = missing.map(([rank]) => rank);
      if (deadline.isOver) throw silent(ranks, this.worldSize, deadline.seconds, hint);
      if (!told && performance.now() - began > LONG_MS) {
        told = true;
        onWaiting?.(ranks, hint);
      }
      await sleep(pause);
      pause = Math.min(2 * pause, LAST_POLL_MS);
    }
  }

  async #absent(keys: readonly RankKey[]): Promise<RankKey[]> {
    const there = await Promise.all(keys.map(([, key]) => this.#store.has(key)));
    return keys.filter((_, index) => !there[index]);
  }
}

/** What a promise gives, or something else where that takes too long. */
async function within<T>(milliseconds: number, work: Promise<T>, otherwise: T): Promise<T> {
  const timer = new AbortController();
  const late = sleep(milliseconds, otherwise, { signal: timer.signal });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}

/** A key, and whose silence it is while it is not there. */
type RankKey = readonly [rank: number, key: string];

function failureOf(error: unknown, rank: number): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const { code, ranks = [rank] } = error instanceof McLossError ? error : {};
  const aborted = code === "ERR_ABORTED";
  // What the processes do not agree in is the same for all.
  if (code === "ERR_DISTRIBUTED" || aborted) return { ranks, message, aborted };
  return { ranks: [rank], message: `rank ${rank} failed: ${message}`, aborted };
}

function lostRanks(ranks: readonly number[], cause: unknown): McLossError {
  if (ranks.length === 0) {
    const text =
      "the connection between processes was lost, though all of them answer: see the network between the machines";
    return new McLossError("ERR_DISTRIBUTED", text, { cause });
  }
  const text = `the connection to ${nameRanks(ranks)} was lost: see what it printed, and whether its machine and the network are up. Go on from the last checkpoint with the same command and --continue`;
  return new McLossError("ERR_DISTRIBUTED", text, { ranks, cause });
}

/** "rank 2", "ranks 0 and 2", "ranks 0, 2 and 3" */
export function nameRanks(ranks: readonly number[]): string {
  const last = ranks.at(-1);
  if (ranks.length < 2) return `rank ${last}`;
  return `ranks ${ranks.slice(0, -1).join(", ")} and ${last}`;
}

function silent(ranks: readonly number[], worldSize: number, seconds: number, hint: string): McLossError {
  const text = `${nameRanks(ranks)} of ${worldSize} did not come within ${seconds} seconds: see that each of them was started, with a rank of its own and the same WORLD_SIZE, and what it printed${hint}`;
  return new McLossError("ERR_DISTRIBUTED", text, { ranks });
}
