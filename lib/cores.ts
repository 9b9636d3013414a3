import { availableParallelism } from "node:os";

/** The cores that this process has for itself where several, started together, share a machine. */
export function coreShare(env: Readonly<NodeJS.ProcessEnv> = process.env): number {
  return Math.max(1, Math.floor(shareOf(availableParallelism(), env)));
}

/** Of what the machine has so much of, this process's part. */
export function shareOf(amount: number, env: Readonly<NodeJS.ProcessEnv> = process.env): number {
  const processes = Number.parseInt(env["LOCAL_WORLD_SIZE"] ?? "", 10);
  return amount / (processes > 0 ? processes : 1);
}
