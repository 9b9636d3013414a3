import { randomInt } from "node:crypto";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Servers on loopback, of which each test's are closed after it. Called in a describe(). */
export function localServers(): (listener: RequestListener) => Promise<{ url: string; server: HttpServer }> {
  const servers: HttpServer[] = [];

  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });

  return async (listener) => {
    const server = createHttpServer(listener).listen(0, "127.0.0.1");
    servers.push(server);
    await once(server, "listening");
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
  };
}

/** Waits until a file that something else writes has as many bytes. */
export async function growsTo(file: string, bytes: number): Promise<void> {
  const size = () =>
    stat(file).then(
      (found) => found.size,
      () => 0,
    );
  while ((await size()) < bytes) await sleep(5);
}

/** Does what has so many milliseconds of patience with a server; where that is too short, as on a busy machine, with more. */
export async function withPatience<T>(work: (stallMs: number) => Promise<T>): Promise<T> {
  for (let stallMs = 300; ; stallMs *= 5) {
    try {
      return await work(stallMs);
    } catch (error) {
      if (stallMs > 10_000) throw error;
    }
  }
}

/** Below those that Linux gives to whoever asks for any, so that none is taken before it is used. */
const [FIRST_PORT, PORTS] = [10_000, 22_000];

/** A port of loopback that nobody listens at. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + randomInt(PORTS);
    const server = createServer().listen(port, "127.0.0.1");
    const isFree = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}

/** Waits until something listens at a port of this machine, without connecting to it. */
export async function listensAt(port: number): Promise<void> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  // "sl: local_address:port remote_address:port state …", of which state 0A is listening.
  const pattern = new RegExp(`^ *\\d+: [0-9A-F]+:${hex} [0-9A-F:]+ 0A `, "m");
  const read = (name: string) => readFile(`/proc/net/${name}`, "utf8").catch(() => "");
  while (!pattern.test(`${await read("tcp")}\n${await read("tcp6")}`)) await sleep(20);
}
