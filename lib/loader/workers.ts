import { availableParallelism } from "node:os";

// libuv's default.
const POOL_THREADS = 4;

/** The threads of libuv's pool, which Node's file access and the image decoders share. */
export function poolThreads(env: NodeJS.ProcessEnv = process.env): number {
  const given = Number.parseInt(env["UV_THREADPOOL_SIZE"] ?? "", 10);
  return given > 0 ? given : POOL_THREADS;
}

/**
 * How many images are under way at once: two for each core, so that one is decoded while another is read, as far as the
 * pool has threads for them. More would wait in line before the pool and hold its threads against all else. LibTorch is
 * not slowed by it beyond the work itself, as a full queue of batches stops the decoding.
 */
export function defaultWorkers(): number {
  return Math.min(2 * availableParallelism(), poolThreads());
}
