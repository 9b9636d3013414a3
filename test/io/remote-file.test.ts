import { expect } from "chai";
import type { RequestListener } from "node:http";
import { setImmediate as nextTask } from "node:timers/promises";
import { RemoteReader } from "#lib/io/remote-file.js";
import { localServers } from "../support/local-server.js";
import { serveRanges } from "../support/shards.js";

const BYTES = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 37) % 251));

describe("RemoteFile", () => {
  const listen = localServers();
  const reader = new RemoteReader({ pauseMs: 1, env: {} });

  async function serve(listener: RequestListener): Promise<string> {
    return `${(await listen(listener)).url}/file`;
  }

  async function failing(work: Promise<unknown>): Promise<string> {
    return work.then(
      () => "nothing was thrown",
      (error: unknown) => (error as Error).message,
    );
  }

  it("knows its size, and reads parts and all of it", async () => {
    const asked: [string, string][] = [];
    const file = await reader.open(await serve(serveRanges(new Map([["file", BYTES]]), asked)));
    expect(file.size).to.equal(BYTES.length);
    expect(await file.read(500, 70_000)).to.deep.equal(BYTES.subarray(500, 70_000));
    const chunks: Buffer[] = [];
    for await (const chunk of file.stream()) chunks.push(chunk);
    expect(Buffer.concat(chunks)).to.deep.equal(BYTES);
    expect(asked.map(([, range]) => range)).to.deep.equal(["bytes=0-0", "bytes=500-69999", "bytes=0-99999"]);
  });

  it("goes on where a connection breaks, as often as it brings something", async () => {
    const ranges: string[] = [];
    const url = await serve((request, response) => {
      const [, first = "0"] = /bytes=(\d+)-/.exec(request.headers.range ?? "") ?? [];
      ranges.push(first);
      const [start, end] = [Number(first), BYTES.length - 1];
      response.writeHead(206, {
        "content-range": `bytes ${start}-${end}/${BYTES.length}`,
        "content-length": end - start + 1,
      });
      response.write(BYTES.subarray(start, start + 12_000), () => response.destroy());
    });
    const file = await reader.open(url);
    expect(await file.read(0, BYTES.length)).to.deep.equal(BYTES);
    expect(ranges.length).to.be.above(8);
  });

  it("asks again where the server is at fault or says nothing, and then says what it met", async () => {
    let asked = 0;
    const busy = await serve((request, response) => {
      asked += 1;
      if (asked < 4) response.writeHead(503).end();
      else serveRanges(new Map([["file", BYTES]]))(request, response);
    });
    expect((await reader.open(busy)).size).to.equal(BYTES.length);
    const broken = await serve((_, response) => void response.writeHead(500).end());
    expect(await failing(reader.open(broken))).to.equal("the server answered 500, 5 times");
    let silent = 0;
    const mute = await serve(() => (silent += 1));
    const impatient = new RemoteReader({ stallMs: 200, pauseMs: 1, env: {} });
    expect(await failing(impatient.open(mute))).to.match(/5 times$/);
    // It may have given up before the server saw that it was asked.
    while (silent < 5) await nextTask();
    expect(silent).to.equal(5);
  });

  it("does not ask again for what is not there, and needs ranges", async () => {
    const asked: [string, string][] = [];
    const url = await serve(serveRanges(new Map(), asked));
    expect(await failing(reader.open(url))).to.equal("the server answered 404");
    expect(asked).to.have.length(1);
    const whole = await serve((_, response) => void response.end(BYTES));
    expect(await failing(reader.open(whole))).to.match(/does not answer ranges/);
    const empty = await serve((_, response) => void response.writeHead(416).end());
    expect(await failing(reader.open(empty))).to.equal("it is empty");
  });

  it("refuses a file that is another one by now", async () => {
    let bytes = BYTES;
    const url = await serve((request, response) => {
      serveRanges(new Map([["file", bytes]]))(request, response);
    });
    const file = await reader.open(url);
    bytes = BYTES.subarray(0, 50_000);
    expect(await failing(file.read(0, 10))).to.match(/another file than it was/);
  });

  it("stops with a signal", async () => {
    const mute = await serve(() => undefined);
    const stop = new AbortController();
    const opening = failing(reader.open(mute, stop.signal));
    stop.abort();
    expect(await opening).to.match(/interrupted/);
  });

  it("reads a small text, and tells where there is none", async () => {
    const url = await serve(serveRanges(new Map([["file", Buffer.from("one\ntwo\n")]])));
    expect(await reader.readText(url)).to.equal("one\ntwo\n");
    expect(await reader.readText(url.replace("file", "other"))).to.equal(undefined);
  });
});
