import { expect } from "chai";
import { once } from "node:events";
import { appendFile, writeFile } from "node:fs/promises";
import { request, type IncomingMessage, type RequestOptions } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { watchRun, type RunWatch } from "mutual-channel-loss/report";
import type { LiveUpdate } from "#lib/report/browser/chart.js";
import { runModule } from "../support/child.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { recordLine, writeRecordedRun } from "../support/recorded-run.js";

const folder = temporaryFolder();
let run: string;
let watching: RunWatch;

beforeEach(async () => {
  run = await writeRecordedRun(join(folder(), "live"), { epochs: 1 });
  watching = await watchRun(run);
});

afterEach(() => watching.close());

async function send(options: RequestOptions): Promise<IncomingMessage> {
  const { port } = new URL(watching.url);
  const sent = request({ host: "127.0.0.1", port, agent: false, ...options });
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return response;
}

async function statusOf(options: RequestOptions): Promise<number | undefined> {
  const response = await send(options);
  response.resume();
  return response.statusCode;
}

/** What a page that follows the run gets. */
async function* updates(): AsyncGenerator<LiveUpdate, void, void> {
  const response = await send({ path: "/events" });
  let waiting = "";
  for await (const chunk of response.setEncoding("utf8")) {
    waiting += String(chunk);
    const events = waiting.split("\n\n");
    waiting = events.pop() ?? "";
    for (const event of events) {
      if (event.startsWith("data: ")) yield JSON.parse(event.slice("data: ".length)) as LiveUpdate;
    }
  }
}

describe("watchRun()", () => {
  it("serves the run's page on loopback", async () => {
    expect(watching.url).to.match(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const response = await send({ path: "/" });
    expect(response.statusCode).to.equal(200);
    expect(response.headers).to.include({
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    expect(response.headers["content-security-policy"])
      .to.match(
        /^default-src 'none'; .*script-src 'sha256-.*; connect-src 'self'; frame-ancestors 'self' vscode-webview: /,
      )
      .and.not.contain("unsafe-eval");
    expect(response.headers["cross-origin-resource-policy"]).to.equal("same-origin");
    const page = await text(response);
    expect(page).to.contain("<h1>live</h1>").and.contain("Epoch 1 of 5");
    expect(page).to.contain("connect-src &#39;self&#39;");
  });

  it("sends the state to a page that connects, each new epoch, and the end", async () => {
    const received: LiveUpdate[] = [];
    for await (const update of updates()) {
      received.push(update);
      if (received.length === 1) await appendFile(join(run, "metrics.jsonl"), recordLine(2));
      if (received.length === 2) void watching.close();
    }
    expect(received.map(({ ended }) => ended)).to.deep.equal([false, false, true]);
    expect(received.map(({ charts }) => charts[0]!.epochs.length)).to.deep.equal([1, 2, 2]);
    expect(received[1]!.fragments["progress"]).to.contain("Epoch 2 of 5 · about 30 s left");
    expect(received[1]!.fragments["table-accuracy"]).to.contain("<td>20%</td>");
    expect(received[1]!.structure).to.equal(received[0]!.structure);
  });

  it("sees what is written while it begins to watch", async () => {
    const starting = watchRun(run);
    for (let epoch = 2; epoch <= 5; epoch += 1)
      await appendFile(join(run, "metrics.jsonl"), recordLine(epoch));
    await watching.close();
    watching = await starting;
    let epochs = 0;
    for await (const { charts } of updates()) {
      epochs = charts[0]!.epochs.length;
      if (epochs === 5) break;
    }
    expect(epochs).to.equal(5);
  });

  it("tells the page to load anew where another run begins in the folder", async () => {
    const structures: string[] = [];
    for await (const { structure } of updates()) {
      if (structures.push(structure) === 2) break;
      await writeRecordedRun(run, { epochs: 1, loss: "ce" });
    }
    expect(new Set(structures)).to.have.length(2);
  });

  it("waits for a run that has not begun, and survives damage", async () => {
    const young = join(folder(), "young");
    const early = await watchRun(young);
    try {
      expect(await (await fetch(early.url)).text()).to.contain("The training has not started yet.");
      await writeRecordedRun(young);
      await early.close();
    } finally {
      await early.close();
    }
    await writeFile(join(run, "metrics.jsonl"), "{torn");
    expect(await statusOf({ path: "/" })).to.equal(200);
  });

  it("can only be read", async () => {
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      const response = await send({ path: "/", method });
      response.resume();
      expect(response.statusCode, method).to.equal(405);
      expect(response.headers.allow).to.equal("GET, HEAD");
    }
    const head = await send({ path: "/", method: "HEAD" });
    expect(head.statusCode).to.equal(200);
    expect(await text(head)).to.equal("");
    expect(await statusOf({ path: "/events", method: "HEAD" })).to.equal(200);
  });

  it("serves no file", async () => {
    const paths = [
      "/run.json",
      "/metrics.jsonl",
      "/../run.json",
      "/%2e%2e/run.json",
      "//etc/passwd",
      "/run.json?x",
      "*",
    ];
    for (const path of [...paths, `${watching.url}run.json`]) {
      expect(await statusOf({ path }), path).to.equal(404);
    }
  });

  it("answers with a query, as VS Code's browser asks, and forbids all where nothing is", async () => {
    expect(await statusOf({ path: "/?vscodeBrowserReqId=1" })).to.equal(200);
    expect(await statusOf({ path: "/events?x", method: "HEAD" })).to.equal(200);
    const missing = await send({ path: "/nothing?x" });
    missing.resume();
    expect(missing.statusCode).to.equal(404);
    expect(missing.headers["content-security-policy"]).to.match(
      /^default-src 'none'; frame-ancestors 'self'/,
    );
    expect(missing.headers["x-content-type-options"]).to.equal("nosniff");
  });

  it("takes no more than some connections, and those that ask for nothing make room", async () => {
    const port = Number(new URL(watching.url).port);
    const idle = Array.from({ length: 100 }, () => connect(port, "127.0.0.1").on("error", () => undefined));
    const ended = idle.map((socket) => new Promise((resolve) => socket.once("close", resolve)));
    idle.forEach((socket) => socket.resume());
    await Promise.all(ended);
    expect(await statusOf({ path: "/" })).to.equal(200);
  });

  it("refuses other names than this machine's, and other sites", async () => {
    const { host, port } = new URL(watching.url);
    for (const name of ["evil.example", `evil.example:${port}`, "127.0.0.1.evil.example", "x@127.0.0.1"]) {
      expect(await statusOf({ path: "/", headers: { host: name } }), name).to.equal(403);
    }
    for (const origin of ["http://evil.example", "null", `https://${host}`, "http://localhost:1"]) {
      expect(await statusOf({ path: "/events", headers: { host, origin } }), origin).to.equal(403);
    }
    // As through a tunnel.
    expect(await statusOf({ path: "/", headers: { host: "localhost:9000" } })).to.equal(200);
    expect(await statusOf({ path: "/", headers: { host, origin: `http://${host}` } })).to.equal(200);
  });

  it("survives pages that go away", async () => {
    for (let i = 0; i < 3; i += 1) (await send({ path: "/events" })).destroy();
    await appendFile(join(run, "metrics.jsonl"), recordLine(2));
    for await (const { charts } of updates()) if (charts[0]!.epochs.length === 2) break;
    expect(await statusOf({ path: "/" })).to.equal(200);
  });

  it("says that a port is in use, or is none", async () => {
    const port = Number(new URL(watching.url).port);
    const taken = await rejected(watchRun(run, { port }));
    expect(taken).to.include({ code: "ERR_IO", argument: "port" });
    expect(taken.message).to.equal(
      `cannot listen on port ${port} of 127.0.0.1 (address already in use): choose another, or 0 for one that is free`,
    );
    expect(await rejected(watchRun(run, { port: 65_536 }))).to.include({ argument: "port" });
  });

  it("does not keep the process alive, even with a page open", async () => {
    const { code, output } = await runModule(`
      import { get } from "node:http";
      import { watchRun } from ${JSON.stringify(new URL("../../dist/api/report.js", import.meta.url).href)};
      const { url } = await watchRun(${JSON.stringify(run)});
      await new Promise((resolve) => get(url + "events", (response) => {
        response.socket.unref();
        response.once("data", resolve);
      }));
      console.log("open");
    `);
    expect(output).to.equal("open\n");
    expect(code).to.equal(0);
  });
});
