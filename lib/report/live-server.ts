import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { McLossError } from "../errors.js";
import { reasonOf } from "../system-error.js";

const ADDRESS = "127.0.0.1";
/** With any port, as a tunnel may have another. */
const OWN_HOST = /^(127\.0\.0\.1|localhost)(:\d+)?$/i;
/** So that proxies and tunnels keep the connection. */
const HEARTBEAT_MS = 15_000;
/** What a client that reads nothing may delay the end by. */
const CLOSE_MS = 1000;
/** Of all watchers, pages that follow and others: so that files can be opened whatever watchers do. */
const MOST_CONNECTIONS = 32;
/** Until a connection has asked for something; one that asks for nothing makes room for others. */
const REQUEST_MS = 2000;
const CHECK_MS = 1000;
/** VS Code shows pages in frames of its own. */
const FRAME_ANCESTORS = "frame-ancestors 'self' vscode-webview: vscode-file: https://*.vscode-cdn.net";

/** What a {@link LiveServer} serves, asked for each request. */
export interface LiveContent {
  /** An HTML document, and its Content-Security-Policy. */
  page(): Promise<{ document: string; policy: string }>;
  /** What a page that connects gets first. */
  state(): string;
}

/**
 * A page at `/` and its server-sent events at `/events`, on loopback alone, to be read and nothing else. Requests by
 * another name than this machine's own, as after DNS rebinding, and from other origins are refused.
 */
export class LiveServer {
  readonly url: string;
  readonly #server: Server;
  readonly #clients: Set<ServerResponse>;
  readonly #heartbeat: NodeJS.Timeout;

  private constructor(server: Server, clients: Set<ServerResponse>) {
    const { port } = server.address() as AddressInfo;
    this.url = `http://${ADDRESS}:${port}/`;
    this.#server = server;
    this.#clients = clients;
    this.#heartbeat = setInterval(() => this.#write(":\n\n"), HEARTBEAT_MS).unref();
  }

  /**
   * @param port 0 for any that is free
   * @param keepAlive whether the server keeps the process alive
   * @throws McLossError ERR_IO when the port is in use
   */
  static async start(content: LiveContent, port: number, keepAlive: boolean): Promise<LiveServer> {
    const clients = new Set<ServerResponse>();
    const limits = {
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: CHECK_MS,
    };
    const server = createServer(limits, (request, response) => {
      answer(request, response, content, clients).catch(() => response.destroy());
    });
    server.maxConnections = MOST_CONNECTIONS;
    if (!keepAlive) {
      server.unref();
      server.on("connection", (socket) => socket.unref());
    }
    server.listen(port, ADDRESS);
    try {
      await once(server, "listening");
    } catch (cause) {
      const problem = `cannot listen on port ${port} of ${ADDRESS} (${reasonOf(cause)})`;
      const text = `${problem}: choose another, or 0 for one that is free`;
      throw new McLossError("ERR_IO", text, { argument: "port", cause });
    }
    // Such as a connection that could not be accepted: a training never ends by its watchers.
    server.on("error", () => undefined);
    return new LiveServer(server, clients);
  }

  /** Sends a state to every page that is open. */
  send(state: string): void {
    this.#write(eventOf(state));
  }

  #write(text: string): void {
    for (const client of this.#clients) {
      // One that is behind gets the next state, which is whole.
      if (!client.writableNeedDrain) client.write(text);
    }
  }

  /** Ends when what was sent has arrived. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    for (const client of this.#clients) client.end();
    const timer = setTimeout(() => this.#server.closeAllConnections(), CLOSE_MS);
    await new Promise((resolve) => this.#server.close(resolve));
    clearTimeout(timer);
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  content: LiveContent,
  clients: Set<ServerResponse>,
): Promise<void> {
  response.setHeader("Cache-Control", "no-store");
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.setHeader("Content-Security-Policy", `default-src 'none'; ${FRAME_ANCESTORS}`);
  response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
  response.setHeader("Referrer-Policy", "no-referrer");
  response.on("error", () => response.destroy());
  if (!isOwnRequest(request)) return refuse(response, 403, "This page is for this machine alone.");
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("Allow", "GET, HEAD");
    return refuse(response, 405, "This page can only be read.");
  }
  // VS Code's browser adds a query.
  const [path] = (request.url ?? "").split("?", 1);
  if (path === "/") return sendPage(response, content);
  if (path === "/events") return follow(request, response, content, clients);
  refuse(response, 404, "There is nothing here.");
}

/** Whether the request names this machine, and comes from no other site's page. */
function isOwnRequest({ headers: { host = "", origin } }: IncomingMessage): boolean {
  return OWN_HOST.test(host) && (origin === undefined || origin === `http://${host}`);
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8" }).end(`${reason}\n`);
}

async function sendPage(response: ServerResponse, content: LiveContent): Promise<void> {
  const { document, policy } = await content.page();
  response.setHeader("Content-Security-Policy", `${policy}; ${FRAME_ANCESTORS}`);
  response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(document);
}

function follow(
  { method }: IncomingMessage,
  response: ServerResponse,
  content: LiveContent,
  clients: Set<ServerResponse>,
): void {
  response.writeHead(200, { "Content-Type": "text/event-stream", Connection: "close" });
  if (method === "HEAD") {
    response.end();
    return;
  }
  response.write(`retry: 2000\n\n${eventOf(content.state())}`);
  clients.add(response);
  response.on("close", () => clients.delete(response));
}

function eventOf(state: string): string {
  return `data: ${state}\n\n`;
}
