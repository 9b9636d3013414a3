import { expect } from "chai";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import type { RequestListener, Server } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { downloadLibtorch } from "#lib/setup/download.js";
import { silentReporter } from "#lib/reporter.js";
import { unpackGiven } from "#lib/setup/unpack-libtorch.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { growsTo, localServers, withPatience } from "../support/local-server.js";

const folder = temporaryFolder();
const path = (...names: string[]) => join(folder(), ...names);
const hashOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

let zip: Buffer;

before(async () => {
  zip = await readFile(fileURLToPath(new URL("../fixtures/libtorch/small.zip", import.meta.url)));
});

describe("downloadLibtorch", () => {
  const listen = localServers();
  let lines: string[];

  beforeEach(async () => {
    lines = [];
    await rm(path("cache"), { recursive: true, force: true });
  });

  async function serve(listener: RequestListener): Promise<{ url: string; server: Server }> {
    const { url, server } = await listen(listener);
    return { url: `${url}/small.zip`, server };
  }

  function download(
    url: string,
    { sha256 = hashOf(zip), env = {}, signal, stallMs = 60_000 }: DownloadOptions = {},
  ) {
    return downloadLibtorch({
      reporter: { ...silentReporter, line: (text) => lines.push(text) },
      env: { PATH: path("nothing"), MCLOSS_CACHE: path("cache"), ...env },
      wheel: { url, sha256 },
      patience: { stallMs, pauseMs: 1 },
      ...(signal ? { signal } : {}),
    });
  }

  interface DownloadOptions {
    sha256?: string;
    env?: NodeJS.ProcessEnv;
    signal?: AbortSignal;
    stallMs?: number;
  }

  /** What a download writes until it is whole. */
  const part = () => path("cache", "downloads", `${hashOf(zip).slice(0, 16)}.part`);

  /** Answers as asked for, from a position on. */
  const whole: RequestListener = (request, response) => {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.writeHead(start > 0 ? 206 : 200, { "content-length": zip.length - start });
    response.end(zip.subarray(start));
  };

  it("unpacks what is needed into the cache, and nothing else", async () => {
    const found = await download((await serve(whole)).url);
    expect(found).to.include({ version: "2.13.0+cpu", root: path("cache", "libtorch-2.13.0-cpu") });
    expect((await readdir(found.root)).sort()).to.deep.equal([
      ".unpacked-from",
      "build-version",
      "include",
      "lib",
      "share",
    ]);
    expect((await readdir(path("cache"))).sort()).to.deep.equal(["downloads", "libtorch-2.13.0-cpu"]);
    expect(await readdir(path("cache", "downloads"))).to.deep.equal([]);
  });

  it("goes on where the connection broke, as often as it takes", async () => {
    const ranges: (string | undefined)[] = [];
    const { url } = await serve((request, response) => {
      ranges.push(request.headers.range);
      const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
      response.writeHead(start > 0 ? 206 : 200, { "content-length": zip.length - start });
      // A piece at a time.
      if (start + 100 >= zip.length) return void response.end(zip.subarray(start));
      response.write(zip.subarray(start, start + 100));
      void growsTo(part(), start + 100).then(() => response.destroy());
    });
    await download(url);
    expect(ranges[0]).to.equal(undefined);
    expect(ranges[1]).to.equal("bytes=100-");
    expect(ranges.length).to.equal(Math.ceil(zip.length / 100));
    expect(lines[0]).to.match(/the connection was lost \(.+\); going on at 0 MB/);
  });

  it("goes on in another process, and begins anew where what was left does not fit", async () => {
    const ranges: (string | undefined)[] = [];
    const { url } = await serve((request, response) => {
      ranges.push(request.headers.range);
      whole(request, response);
    });
    await mkdir(path("cache", "downloads"), { recursive: true });
    await writeFile(part(), zip.subarray(0, 200));
    await download(url);
    await rm(path("cache", "libtorch-2.13.0-cpu"), { recursive: true });
    await writeFile(part(), Buffer.alloc(200));
    await download(url);
    expect(ranges).to.deep.equal(["bytes=200-", "bytes=200-", undefined]);
    expect(lines).to.deep.equal(["what an earlier download left does not fit: it begins anew"]);
  });

  it("takes the whole from a server that knows no ranges", async () => {
    await mkdir(path("cache", "downloads"), { recursive: true });
    await writeFile(part(), zip.subarray(0, 200));
    const { url } = await serve((_, response) => response.end(zip));
    expect(await download(url)).to.include({ version: "2.13.0+cpu" });
  });

  it("asks a server again that says nothing for long", async () => {
    let asked = 0;
    const { url } = await serve((request, response) => {
      if ((asked += 1) > 1) return whole(request, response);
      response.writeHead(200, { "content-length": zip.length });
      response.write(zip.subarray(0, 50));
    });
    await withPatience((stallMs) => {
      asked = 0;
      return download(url, { stallMs });
    });
    expect(asked).to.be.at.least(2);
    expect(lines[0]).to.match(/the connection was lost \(.*timeout/i);
  });

  it("refuses a damaged download, naming both checksums, and leaves nothing", async () => {
    const { url } = await serve(whole);
    const error = await rejected(download(url, { sha256: "0".repeat(64) }));
    expect(error.message).to.contain(hashOf(zip)).and.contain("0".repeat(64));
    expect(await readdir(path("cache", "downloads"))).to.deep.equal([]);
  });

  it("names the address that does not answer, or not with the file", async () => {
    const { url, server } = await serve((_, response) => response.writeHead(404).end());
    const error = await rejected(download(url));
    expect(error.message).to.contain(`${url} could not be downloaded (the server answered 404)`);
    server.close();
    server.closeAllConnections();
    const closed = await rejected(download(url));
    expect(closed.message).to.match(/could not be downloaded \(.*connection refused/);
  });

  it("goes through HTTPS_PROXY or HTTP_PROXY, unless NO_PROXY has the host", async () => {
    const { url } = await serve(whole);
    const tunnels: string[] = [];
    const { url: proxy, server } = await serve((_, response) => response.writeHead(500).end());
    server.on("connect", (request: { url: string }, client: Socket) => {
      tunnels.push(request.url);
      const [host = "", port = ""] = request.url.split(":");
      const upstream = connect(Number(port), host === "models.example" ? "127.0.0.1" : host, () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        upstream.pipe(client).pipe(upstream);
      });
      for (const socket of [client, upstream]) socket.on("error", () => undefined);
    });
    const { port } = new URL(url);
    const HTTP_PROXY = new URL(proxy).origin;
    await download(`http://models.example:${port}/small.zip`, { env: { HTTP_PROXY } });
    expect(tunnels).to.deep.equal([`models.example:${port}`]);
    await rm(path("cache", "libtorch-2.13.0-cpu"), { recursive: true });
    await download(url, { env: { HTTP_PROXY, NO_PROXY: "127.0.0.1" } });
    expect(tunnels.length).to.equal(1);
    await rm(path("cache", "libtorch-2.13.0-cpu"), { recursive: true });
    await rejected(
      download(`https://models.example:${port}/small.zip`, { env: { HTTPS_PROXY: HTTP_PROXY } }),
    );
    expect(tunnels.length).to.equal(2);
  });

  it("ends with a signal, and keeps what there is", async () => {
    const controller = new AbortController();
    const { url } = await serve((_, response) => {
      response.writeHead(200, { "content-length": zip.length });
      response.write(zip.subarray(0, 50));
      void growsTo(part(), 50).then(() => controller.abort());
    });
    const error = await rejected(download(url, { signal: controller.signal }));
    expect(error.code).to.equal("ERR_ABORTED");
    expect((await readdir(path("cache", "downloads")))[0]).to.match(/\.part$/);
  });

  it("happens once where two ask for it", async () => {
    let asked = 0;
    const { url } = await serve((request, response) => {
      asked += 1;
      whole(request, response);
    });
    const [first, second] = await Promise.all([download(url), download(url)]);
    expect(first).to.deep.equal(second);
    expect(asked).to.equal(1);
  });

  it("removes what a killed one left, once it is a day old", async () => {
    const [old, young] = ["download-old", "download-young"].map((name) => path("cache", name)) as [
      string,
      string,
    ];
    for (const left of [old, young]) await mkdir(left, { recursive: true });
    const yesterday = new Date(Date.now() - 25 * 60 * 60 * 1000);
    await utimes(old, yesterday, yesterday);
    await download((await serve(whole)).url);
    expect([existsSync(old), existsSync(young)]).to.deep.equal([false, true]);
  });
});

describe("unpackGiven", () => {
  const unpack = (file: string) => unpackGiven(file, path("given"), silentReporter);

  it("unpacks a wheel or an archive that is there", async () => {
    await writeFile(path("my torch.zip"), zip);
    expect(await unpack(path("my torch.zip"))).to.deep.equal({
      root: path("given", "libtorch-2.13.0-cpu"),
      version: "2.13.0+cpu",
      cuda: null,
    });
  });

  it("unpacks a file once, whatever its name, and another one anew", async () => {
    const lines: string[] = [];
    const reporter = { ...silentReporter, start: (label: string) => void lines.push(label) };
    await writeFile(path("copy.zip"), zip);
    const root = path("given", "libtorch-2.13.0-cpu");
    expect((await unpackGiven(path("copy.zip"), path("given"), reporter)).root).to.equal(root);
    expect(lines).to.deep.equal([]);
    // The same with a comment at its end, whose length the last two bytes tell.
    await writeFile(path("other.zip"), Buffer.concat([zip.subarray(0, -2), Buffer.from([1, 0, 120])]));
    await unpackGiven(path("other.zip"), path("given"), reporter);
    expect(lines).to.deep.equal(["unpacking LibTorch"]);
    await rm(join(root, "lib", "libc10.so"));
    await unpackGiven(path("other.zip"), path("given"), reporter);
    expect(lines).to.have.length(2);
  });

  it("says what is wrong with a file that holds none", async () => {
    await writeFile(path("text.whl"), "no zip at all");
    await writeFile(path("cut.zip"), zip.subarray(0, zip.length - 30));
    expect((await rejected(unpack(path("none.whl")))).message).to.match(/none\.whl does not exist/);
    expect((await rejected(unpack(path("text.whl")))).message).to.match(/text\.whl cannot be unpacked: /);
    expect((await rejected(unpack(path("cut.zip")))).message).to.match(/cut\.zip cannot be unpacked: /);
    expect(await readdir(path("given"))).to.deep.equal(["libtorch-2.13.0-cpu"]);
  });
});
