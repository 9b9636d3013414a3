import { readlinkSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { McLossError } from "../errors.js";
import { PACKAGE_VERSION } from "../package.js";
import { flattenTexts } from "../plain-data.js";
import { isLoopback } from "./address.js";
import { nameRanks, type Conversation } from "./conversation.js";

/** What a process says of itself when it comes. */
export interface Introduction {
  worldSize: number;
  version: string;
  pid: number;
  /** Its name, for messages. */
  host: string;
  /** The same of all processes that reach one another through a loopback address. */
  machine: string;
  /** Where the others reach it. */
  address: string;
}

/** @param address where the others reach this process */
export function introduce(worldSize: number, address: string): Introduction {
  return {
    worldSize,
    version: PACKAGE_VERSION,
    pid: process.pid,
    host: hostname(),
    machine: machineName(),
    address,
  };
}

/**
 * Each process comes once, and they are as many as each was told, of one version of this package, and at addresses at
 * which others reach them.
 * @throws McLossError ERR_DISTRIBUTED, the same on all processes
 */
export async function sayHello(talk: Conversation, own: Introduction): Promise<Introduction[]> {
  await talk.failingAll(() => comeOnce(talk, own));
  await talk.say(`hello/${talk.rank}`, own);
  const all = (await talk.fromFirst("hello", async () => {
    const all = await talk.hearAll("hello", (other, rank) => {
      requireAlike(own, other as Introduction, rank);
    });
    requireReachable(all as Introduction[]);
    return all;
  })) as Introduction[];
  // Rank 0 does not wait for one that is beyond its number of processes.
  if (all[0] && all.length !== own.worldSize) requireAlike(all[0], own, talk.rank);
  return all;
}

/**
 * Sees that all processes have the same facts, such as the recipe, before any of them acts on its own.
 * @param what the facts are, for the error: "recipe"
 * @throws McLossError ERR_DISTRIBUTED naming a fact that differs, on all processes
 */
export async function agree(
  talk: Conversation,
  what: string,
  facts: Readonly<Record<string, unknown>>,
): Promise<void> {
  const topic = talk.newTopic(what);
  await talk.say(`${topic}/${talk.rank}`, Object.fromEntries(flattenTexts(facts)));
  await talk.fromFirst(topic, async () => {
    const all = (await talk.hearAll(topic)) as Record<string, string>[];
    all.forEach((facts, rank) => {
      requireSameFacts(what, all[0] ?? {}, facts, rank);
    });
  });
}

async function comeOnce(talk: Conversation, { host, pid }: Introduction): Promise<void> {
  const times = await talk.count(`came/${talk.rank}`);
  if (times === 1) return;
  const text = `rank ${talk.rank} is there twice, here as process ${pid} on ${host}: give each process a RANK of its own, from 0 to ${talk.worldSize - 1}. After a restart by a launcher of your own, MASTER_PORT must be another one`;
  throw new McLossError("ERR_DISTRIBUTED", text, { ranks: [talk.rank] });
}

function requireAlike(first: Introduction, other: Introduction, rank: number): void {
  const failed = (text: string) => new McLossError("ERR_DISTRIBUTED", text, { ranks: [rank] });
  if (other.worldSize !== first.worldSize) {
    throw failed(
      `rank ${rank} was told that there are ${other.worldSize} processes, and rank 0 that there are ${first.worldSize}: give all the same WORLD_SIZE`,
    );
  }
  if (other.version !== first.version) {
    throw failed(
      `rank ${rank}, on ${other.host}, has version ${other.version} of this package, and rank 0 has ${first.version}: install the same on all machines`,
    );
  }
}

function requireReachable(all: readonly Introduction[]): void {
  const machines = new Set(all.map(({ machine }) => machine));
  const ranks = all.flatMap(({ address }, rank) => (isLoopback(address) ? [rank] : []));
  if (machines.size === 1 || ranks.length === 0) return;
  const [rank = 0] = ranks;
  const text = `${nameRanks(ranks)} would be at ${all[rank]?.address}, which only ${all[rank]?.host} itself reaches, but there are ${machines.size} machines: set MASTER_ADDR to rank 0's address in the network instead of a name that stands for a loopback address there, or GLOO_SOCKET_IFNAME to the network's interface, such as eth0`;
  throw new McLossError("ERR_DISTRIBUTED", text, { ranks });
}

type Facts = Readonly<Record<string, string>>;

function requireSameFacts(what: string, first: Facts, other: Facts, rank: number): void {
  const keys = [...new Set([...Object.keys(first), ...Object.keys(other)])];
  const key = keys.find((one) => first[one] !== other[one]);
  if (key === undefined) return;
  const text = `rank ${rank} has another ${what} than rank 0: ${key} is ${shown(other[key])} there, and ${shown(first[key])} on rank 0. Start all processes with the same options, files and version`;
  throw new McLossError("ERR_DISTRIBUTED", text, { ranks: [rank] });
}

const MOST_SHOWN = 60;

function shown(text = "absent"): string {
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)} …` : text;
}

/** Containers and network namespaces have the host's name, or one another's, and a loopback interface of their own. */
function machineName(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${readlinkSync("/proc/self/ns/net")}`;
  } catch {
    return hostname();
  }
}
