import { invalidArgument } from "../errors.js";
import { firstHost } from "./slurm-hosts.js";

/** Where the processes of a run find one another. */
export type MeetingPlace = { type: "file"; path: string } | TcpPlace;

/** A port of a machine. */
export interface TcpPlace {
  type: "tcp";
  host: string;
  port: number;
  /** Whether this process keeps the store that is there, rather than its launcher or another one. */
  serve: boolean;
}

/** One process's place among those that train together, as whatever started it says. */
export interface RankEnvironment {
  launcher: "mcloss" | "torchrun" | "Slurm" | "another launcher";
  /** From 0. */
  rank: number;
  worldSize: number;
  /** Its place among the processes of its machine, which is its GPU's number. */
  localRank: number;
  /** How many times the run has been started anew after a failure. */
  restarts: number;
  /** What keys in the store begin with: the store may be one of an earlier start, too. */
  prefix: string;
  /** Absent where there is one process alone, which meets nobody. */
  place?: MeetingPlace;
}

type Env = Readonly<NodeJS.ProcessEnv>;

const ALONE = {
  launcher: "another launcher",
  rank: 0,
  worldSize: 1,
  localRank: 0,
  restarts: 0,
  prefix: "",
} as const satisfies RankEnvironment;

/** Where processes of one machine alone meet, which no other reaches. */
const LOOPBACK = "127.0.0.1";
// torchrun's own default is 29500 and upward.
const SLURM_FIRST_PORT = 20_000;
const SLURM_PORTS = 10_000;

/**
 * Reads the variables that launchers set: RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT (torchrun, Kubernetes'
 * operators and others), or Slurm's. Without any of them there is one process.
 * @throws McLossError ERR_ARGUMENT naming the variable that is missing or wrong
 */
export function readEnvironment(env: Env = process.env): RankEnvironment {
  if (given(env, "WORLD_SIZE") ?? given(env, "RANK")) return readRank(env);
  return isSlurmStep(env) ? readSlurm(env) : ALONE;
}

function readRank(env: Env): RankEnvironment {
  const worldSize = integer(env, "WORLD_SIZE", 1);
  const rank = worldSize === 1 && given(env, "RANK") === undefined ? 0 : integer(env, "RANK", 0);
  requireBelow("RANK", rank, "WORLD_SIZE", worldSize);
  const localRank = integer(env, "LOCAL_RANK", 0, 0);
  const store = given(env, "MCLOSS_STORE");
  const own = { rank, worldSize, localRank };
  if (store !== undefined) {
    const restarts = integer(env, "MCLOSS_RESTARTS", 0, 0);
    return placed({ launcher: "mcloss", ...own, restarts, prefix: `${restarts}` }, () => ({
      type: "file",
      path: store,
    }));
  }
  const run = given(env, "TORCHELASTIC_RUN_ID");
  const restarts = integer(env, "TORCHELASTIC_RESTART_COUNT", 0, 0);
  const launcher = run === undefined ? "another launcher" : "torchrun";
  const agentServes = given(env, "TORCHELASTIC_USE_AGENT_STORE") === "True";
  const isOneMachine = !agentServes && integer(env, "LOCAL_WORLD_SIZE", 1, 1) === worldSize;
  return placed({ launcher, ...own, restarts, prefix: `${run ?? ""}/${restarts}` }, () => {
    const host = plainHost(required(env, "MASTER_ADDR"));
    return {
      type: "tcp",
      host: isOneMachine ? LOOPBACK : host,
      port: port(env),
      serve: rank === 0 && !agentServes,
    };
  });
}

/** An IPv6 address may be in the brackets that it has in a URL. */
export function plainHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

/** Whether srun started it as one of several. */
function isSlurmStep(env: Env): boolean {
  return given(env, "SLURM_PROCID") !== undefined && slurmTasks(env) > 1;
}

function slurmTasks(env: Env): number {
  const name = given(env, "SLURM_STEP_NUM_TASKS") === undefined ? "SLURM_NTASKS" : "SLURM_STEP_NUM_TASKS";
  return integer(env, name, 1, 1);
}

function readSlurm(env: Env): RankEnvironment {
  const worldSize = slurmTasks(env);
  const rank = integer(env, "SLURM_PROCID", 0);
  requireBelow("SLURM_PROCID", rank, "SLURM_NTASKS", worldSize);
  const job = integer(env, "SLURM_JOB_ID", 0, 0);
  const restarts = integer(env, "SLURM_RESTART_COUNT", 0, 0);
  const localRank = integer(env, "SLURM_LOCALID", 0, 0);
  const own = { launcher: "Slurm", rank, worldSize, localRank, restarts } as const;
  const step = given(env, "SLURM_STEP_ID") ?? "";
  return placed({ ...own, prefix: `${job}/${step}/${restarts}` }, () => ({
    type: "tcp",
    host: plainHost(given(env, "MASTER_ADDR") ?? slurmHost(env)),
    port: given(env, "MASTER_PORT") === undefined ? SLURM_FIRST_PORT + (job % SLURM_PORTS) : port(env),
    serve: rank === 0,
  }));
}

function slurmHost(env: Env): string {
  const nodes = given(env, "SLURM_STEP_NUM_NODES") ?? given(env, "SLURM_NNODES");
  if (nodes === "1") return LOOPBACK;
  const names = ["SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST", "SLURM_NODELIST"];
  const name = names.find((one) => given(env, one) !== undefined);
  if (name === undefined) {
    throw invalidArgument("SLURM_NODELIST", "is not set: set MASTER_ADDR to the host of SLURM_PROCID 0");
  }
  return firstHost(required(env, name), name);
}

function placed(about: Omit<RankEnvironment, "place">, place: () => MeetingPlace): RankEnvironment {
  return about.worldSize === 1 ? about : { ...about, place: place() };
}

/** What a variable says; an empty one, as of a script, is one that is not set. */
function given(env: Env, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === "" ? undefined : value;
}

function required(env: Env, name: string): string {
  const value = given(env, name);
  if (value !== undefined) return value;
  throw invalidArgument(
    name,
    `is not set, but WORLD_SIZE says that there are several processes: it comes from what starts them, such as torchrun or mcloss train --processes`,
  );
}

function integer(env: Env, name: string, least: number, standard?: number): number {
  if (standard !== undefined && given(env, name) === undefined) return standard;
  const text = required(env, name);
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  throw invalidArgument(name, `must be an integer of at least ${least}, got ${JSON.stringify(text)}`);
}

function port(env: Env): number {
  const value = integer(env, "MASTER_PORT", 1);
  if (value <= 65_535) return value;
  throw invalidArgument("MASTER_PORT", `must be an integer from 1 to 65535, got ${value}`);
}

function requireBelow(name: string, value: number, limit: string, count: number): void {
  if (value < count) return;
  throw invalidArgument(
    name,
    `is ${value}, but ${limit} is ${count}: ranks count from 0, so the last is ${count - 1}`,
  );
}
