import { connect, createServer, type Socket } from "node:net";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { throwIfAborted } from "../abort.js";
import { McLossError } from "../errors.js";
import { reasonOf } from "../system-error.js";
import { isLoopbackHost, unknownHost } from "./address.js";
import type { Deadline } from "./deadline.js";
import type { TcpPlace } from "./environment.js";

// How a client of c10d's TCPStore begins: VALIDATE with a magic number, then PING with a number that comes back.
const MAGIC = 0x3c85f7ce;
const [VALIDATE, PING] = [0, 13];
const ANSWER_BYTES = 4;

/** A store answers at once: its thread does nothing else. */
const ANSWER_MS = 10_000;
const WAIT = "the wait for rank 0";
const RETRY_MS = 100;
const CONNECT_MS = 3000;

/**
 * Waits until rank 0's store answers. c10d itself waits for ever for a listener that never answers, and tells what else
 * goes wrong with native stack traces.
 * @returns the address that answered, of a name that may have several
 * @throws McLossError ERR_DISTRIBUTED that says what is there instead
 */
export async function reachStore(place: TcpPlace, deadline: Deadline, signal?: AbortSignal): Promise<string> {
  for (;;) {
    throwIfAborted(signal, WAIT);
    const socket = await open(place, deadline, signal);
    try {
      const { remoteAddress = place.host } = socket;
      const answer = await ask(socket, Math.min(ANSWER_MS, Math.max(1000, deadline.left)));
      if (answer === "as it should be") return remoteAddress;
      // One that is about to end, or has just begun, hangs up.
      if (answer !== "hung up" || deadline.isOver) throw anotherProgram(place, answer);
    } finally {
      socket.destroy();
    }
    await sleep(RETRY_MS);
  }
}

/**
 * @param address where this process is to listen. Default: at all of this machine's
 * @throws McLossError ERR_DISTRIBUTED where another program listens at the port that this one is to serve
 */
export async function requireFreePort({ port }: TcpPlace, address?: string): Promise<void> {
  const server = createServer();
  server.listen(port, address);
  try {
    await once(server, "listening");
  } catch (cause) {
    const text = `rank 0 cannot listen at MASTER_PORT ${port} (${reasonOf(cause)}): another program, or another rank 0 of this or an earlier run, has it. Choose another port, for all processes`;
    throw new McLossError("ERR_DISTRIBUTED", text, { ranks: [0], cause });
  }
  server.close();
  await once(server, "close");
}

/** A connection; what refuses one may begin to listen until the deadline. */
async function open(place: TcpPlace, deadline: Deadline, signal?: AbortSignal): Promise<Socket> {
  const { host, port } = place;
  // The last attempt may have no time for an answer.
  let seen: unknown = new Error("no answer");
  for (;;) {
    throwIfAborted(signal, WAIT);
    const socket = connect({ host, port, autoSelectFamily: true });
    const timeout = AbortSignal.timeout(Math.max(1, Math.min(CONNECT_MS, deadline.left)));
    try {
      await once(socket, "connect", { signal: timeout });
      return socket;
    } catch (error) {
      // Its own comes after the timeout's.
      socket.on("error", () => undefined).destroy();
      if (!timeout.aborted) seen = error;
      const isUnknown = (error as NodeJS.ErrnoException).code === "ENOTFOUND";
      if (isUnknown || deadline.left <= RETRY_MS) throw notReached(place, deadline, seen);
    }
    await sleep(RETRY_MS);
  }
}

async function ask(socket: Socket, milliseconds: number): Promise<string> {
  const number = Buffer.alloc(ANSWER_BYTES);
  number.writeUInt32LE(process.pid);
  const magic = Buffer.alloc(ANSWER_BYTES);
  magic.writeUInt32LE(MAGIC);
  socket.write(Buffer.concat([Buffer.of(VALIDATE), magic, Buffer.of(PING), number]));
  const answer = await firstBytes(socket, milliseconds);
  if (typeof answer === "string") return answer;
  if (answer.equals(number)) return "as it should be";
  const words = answer.toString("latin1").split(/[\r\n]/, 1)[0] ?? "";
  return /^[\x20-\x7e]{3,}$/.test(words) ? `answered "${words}"` : "answered something else";
}

function firstBytes(socket: Socket, milliseconds: number): Promise<Buffer | string> {
  return new Promise((resolve) => {
    let got = Buffer.alloc(0);
    const silent = setTimeout(() => {
      resolve("does not answer");
    }, milliseconds);
    const end = () => {
      clearTimeout(silent);
      resolve(got.length > 0 ? got : "hung up");
    };
    socket.on("data", (chunk) => {
      got = Buffer.concat([got, chunk]);
      if (got.length >= ANSWER_BYTES) end();
    });
    socket.on("close", end).on("error", end);
  });
}

function anotherProgram({ host, port }: TcpPlace, answer: string): McLossError {
  const text = `what listens at ${host}, port ${port}, is not rank 0 of a training: it ${answer}. See that MASTER_ADDR and MASTER_PORT are rank 0's, on all processes, and that no other program has that port`;
  return new McLossError("ERR_DISTRIBUTED", text, { ranks: [0] });
}

function notReached({ host, port }: TcpPlace, { seconds }: Deadline, cause: unknown): McLossError {
  if ((cause as NodeJS.ErrnoException).code === "ENOTFOUND") return unknownHost(host, cause);
  const here = isLoopbackHost(host)
    ? `. ${host} is this machine itself: on several, MASTER_ADDR is rank 0's address in their network`
    : "";
  const text = `rank 0 was not reached at ${host}, port ${port}, within ${seconds} seconds (${reasonOf(cause)}): see that it runs, that MASTER_ADDR and MASTER_PORT are its own, and that no firewall is between${here}`;
  return new McLossError("ERR_DISTRIBUTED", text, { ranks: [0], cause });
}
