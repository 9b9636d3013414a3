import { createWriteStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { throwIfAborted } from "../abort.js";
import { hashFile } from "./hash-file.js";
import { openAgent, plainError as plain, Refusal, refusedBy } from "./http-agent.js";
import type { Reporter } from "../reporter.js";

export interface FetchOptions {
  label: string;
  reporter: Reporter;
  signal?: AbortSignal | undefined;
  env: NodeJS.ProcessEnv;
  /** How long a server may say nothing. Default 30 s. */
  stallMs?: number;
  /** How long to wait before it is asked again; twice as long each time. Default 1 s. */
  pauseMs?: number;
}

const ATTEMPTS = 5;

/**
 * Downloads into `file`, and goes on with what an earlier attempt left there. Of `sha256` the first digits are enough. `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`
 * are honoured.
 * @throws Error that says what was in the way; the file is left to go on with, unless its SHA-256 is wrong
 */
export async function fetchFile(
  url: string,
  sha256: string,
  file: string,
  options: FetchOptions,
): Promise<void> {
  const found = await sizeOf(file);
  await fetchAll(url, file, options);
  if (found === 0) return checkSum(file, sha256);
  try {
    await checkSum(file, sha256);
  } catch {
    options.reporter.line("what an earlier download left does not fit: it begins anew");
    await fetchAll(url, file, options);
    await checkSum(file, sha256);
  }
}

/** @throws Error where the file is not the expected one; it is deleted */
export async function checkSum(file: string, expected: string): Promise<void> {
  const actual = await hashFile(file);
  if (actual.startsWith(expected)) return;
  await rm(file);
  throw new Error(
    `the download is damaged: its SHA-256 is ${actual}, expected ${expected}${expected.length < actual.length ? "…" : ""}`,
  );
}

async function fetchAll(url: string, file: string, options: FetchOptions): Promise<void> {
  const { reporter, signal, pauseMs = 1000 } = options;
  for (let attempt = 1; ; attempt += 1) {
    const before = await sizeOf(file);
    try {
      await fetchRest(url, file, before, options);
      return;
    } catch (error) {
      throwIfAborted(signal, "the download");
      const after = await sizeOf(file);
      if (error instanceof Refusal || attempt === ATTEMPTS) throw plain(error);
      // A slow line that breaks now and then comes to its end, too.
      if (after > before) attempt = 1;
      reporter.line(`the connection was lost (${plain(error).message}); going on at ${megabytes(after)}`);
      await sleep(pauseMs * 2 ** (attempt - 1), undefined, { signal });
    } finally {
      reporter.stop();
    }
  }
}

async function fetchRest(url: string, file: string, offset: number, options: FetchOptions): Promise<void> {
  const { label, reporter, signal, env, stallMs } = options;
  const { fetch } = await import("undici");
  const agent = await openAgent(env, stallMs);
  try {
    const headers = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const asked = fetch(url, { headers, dispatcher: agent, signal });
    // Where nothing has come at all there is no such server, or no way to it.
    const response = await (offset > 0 ? asked : asked.catch(refuse));
    // There is nothing after the last byte: the file is whole, or its checksum says that it is not.
    if (response.status === 416) return;
    if (!response.ok || !response.body) throw refusedBy(response.status);
    const start = response.status === 206 ? offset : 0;
    const total = start + Number(response.headers.get("content-length") ?? 0);
    reporter.start(`${label} (${megabytes(total)})`, total);
    const target = createWriteStream(file, start > 0 ? { flags: "a" } : {});
    await pipeline(response.body, counting(reporter, start), target);
    const size = await sizeOf(file);
    if (size < total) throw new Error(`it ended after ${megabytes(size)}`);
  } finally {
    await agent.destroy();
  }
}

function refuse(error: unknown): never {
  throw new Refusal(plain(error).message, { cause: error });
}

function counting(reporter: Reporter, start: number) {
  return async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
    let done = start;
    for await (const chunk of chunks) {
      done += chunk.length;
      reporter.update(done);
      yield chunk;
    }
  };
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
