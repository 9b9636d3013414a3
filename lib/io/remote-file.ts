import { setTimeout as sleep } from "node:timers/promises";
import type { EnvHttpProxyAgent, Response } from "undici";
import { throwIfAborted } from "../abort.js";
import { openAgent, plainError, Refusal, refusedBy } from "./http-agent.js";

/** How servers are asked. */
export interface RemoteOptions {
  /** For proxies. Default: this process's environment. */
  env?: NodeJS.ProcessEnv | undefined;
  /** How long a server may say nothing. Default 30 s. */
  stallMs?: number | undefined;
  /** How long to wait before it is asked again; twice as long each time. Default 1 s. */
  pauseMs?: number | undefined;
}

const ATTEMPTS = 5;
const READING = "reading from the server";

/** Connections that several files share. */
export class RemoteReader {
  readonly #options: RemoteOptions;
  #agent: Promise<EnvHttpProxyAgent> | undefined;

  constructor(options: RemoteOptions = {}) {
    this.#options = options;
  }

  /**
   * Asks for a file's size.
   * @throws Error that says what is in the way, after several attempts
   */
  async open(url: string, signal?: AbortSignal): Promise<RemoteFile> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.#look(url, signal);
      } catch (error) {
        await this.pause(error, failures, signal);
      }
    }
  }

  async #look(url: string, signal: AbortSignal | undefined): Promise<RemoteFile> {
    const response = await this.ask(url, "bytes=0-0", signal);
    await response.body?.cancel();
    if (response.status === 416) throw new Refusal("it is empty");
    const part = partOf(response);
    if (part) return new RemoteFile(this, url, part.size, versionOf(response));
    throw new Refusal("the server does not answer ranges of bytes, by which images are read");
  }

  /** A small text; undefined where there is none. @throws Error that says what is in the way, after several attempts */
  async readText(url: string, signal?: AbortSignal): Promise<string | undefined> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await (await this.ask(url, undefined, signal)).text();
      } catch (error) {
        if (error instanceof Refusal) return undefined;
        await this.pause(error, failures, signal);
      }
    }
  }

  /** @internal One request. */
  async ask(url: string, range: string | undefined, signal: AbortSignal | undefined): Promise<Response> {
    const { fetch } = await import("undici");
    const { env = process.env, stallMs } = this.#options;
    this.#agent ??= openAgent(env, stallMs);
    // Of what is compressed on its way, ranges would be others.
    const headers = { ...(range !== undefined && { range }), "accept-encoding": "identity" };
    const response = await fetch(url, { headers, dispatcher: await this.#agent, signal });
    if (response.ok || response.status === 416) return response;
    await response.body?.cancel();
    throw refusedBy(response.status);
  }

  /**
   * @internal After a failure that is the `failures`th in a row: waits before the next attempt.
   * @throws Error where no other attempt helps
   */
  async pause(error: unknown, failures: number, signal: AbortSignal | undefined): Promise<void> {
    throwIfAborted(signal, READING);
    if (error instanceof Refusal) throw error;
    if (failures >= ATTEMPTS)
      throw new Error(`${plainError(error).message}, ${ATTEMPTS} times`, { cause: error });
    const { pauseMs = 1000 } = this.#options;
    await sleep(pauseMs * 2 ** (failures - 1), undefined, { signal });
  }
}

/** A file on a server, which is read in ranges. */
export class RemoteFile {
  readonly #reader: RemoteReader;

  constructor(
    reader: RemoteReader,
    readonly url: string,
    /** In bytes. */
    readonly size: number,
    /** What is other when its content is; empty where the server does not tell. */
    readonly version: string,
  ) {
    this.#reader = reader;
  }

  /**
   * The bytes from `start` to before `end`, as they come; where a connection breaks, another goes on.
   * @throws Error that says what is in the way, after several attempts, or that the file is another one by now
   */
  async *stream(start = 0, end = this.size, signal?: AbortSignal): AsyncGenerator<Buffer, void, void> {
    let at = start;
    for (let failures = 0; at < end;) {
      const before = at;
      try {
        for await (const chunk of await this.#request(at, end, signal)) {
          const wanted = Math.min(chunk.length, end - at);
          at += wanted;
          yield Buffer.from(chunk.buffer, chunk.byteOffset, wanted);
          if (at === end) return;
        }
        throw new Error(`it ended after ${at} of ${this.size} bytes`);
      } catch (error) {
        // A slow line that breaks now and then comes to its end, too.
        failures = at > before ? 1 : failures + 1;
        await this.#reader.pause(error, failures, signal);
      }
    }
  }

  /** As {@link stream}, in one piece. */
  async read(start: number, end: number, signal?: AbortSignal): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(end - start);
    let at = 0;
    for await (const chunk of this.stream(start, end, signal)) at += chunk.copy(bytes, at);
    return bytes;
  }

  async #request(
    start: number,
    end: number,
    signal: AbortSignal | undefined,
  ): Promise<AsyncIterable<Uint8Array>> {
    const response = await this.#reader.ask(this.url, `bytes=${start}-${end - 1}`, signal);
    const part = partOf(response);
    const same = part?.size === this.size && versionOf(response) === this.version;
    if (same && part.start === start && response.body) return response.body;
    await response.body?.cancel();
    throw new Refusal("it is another file than it was when it was opened");
  }
}

/** What part of which file an answer is; undefined where it is not a part of one. */
function partOf(response: Response): { start: number; size: number } | undefined {
  const range = response.headers.get("content-range") ?? "";
  const [, start, size] = /^bytes (\d+)-\d+\/(\d+)$/.exec(range) ?? [];
  return response.status === 206 && size !== undefined
    ? { start: Number(start), size: Number(size) }
    : undefined;
}

function versionOf({ headers }: Response): string {
  return headers.get("etag") ?? headers.get("last-modified") ?? "";
}
