import { expect } from "chai";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { freePort } from "../support/local-server.js";
import { MCLOSS, mclossIn, startMcloss } from "../support/mcloss.js";
import { writeRecordedRun } from "../support/recorded-run.js";

const folder = temporaryFolder();

const mcloss = (...args: string[]) => mclossIn(folder(), ...args);
const start = (...args: string[]) => startMcloss(folder(), ...args);

describe("mcloss report", () => {
  before(async () => {
    for (const name of ["first", "second"]) await writeRecordedRun(join(folder(), "runs", name));
  });

  it("writes report.html", async () => {
    const { code, stdout, stderr } = await mcloss("report", "runs/first");
    expect(code, stderr).to.equal(0);
    expect(stdout).to.equal("report report.html\n");
    expect(await readFile(join(folder(), "report.html"), "utf8")).to.contain("<h1>first</h1>");
  });

  it("compares runs, and prints their figures as JSON", async () => {
    const { stdout } = await mcloss("report", "runs/first", "runs/second", "--out", "both.html", "--json");
    const result = JSON.parse(stdout) as { format: number; report: string; runs: object[] };
    expect(result).to.include({ format: 1, report: "both.html" });
    expect(result.runs).to.have.length(2);
    expect(result.runs[1]).to.deep.include({ name: "second", epochs: { done: 3, planned: 5 } });
    await access(join(folder(), "both.html"));
  });

  it("says what a folder without a run lacks", async () => {
    const { code, stderr } = await mcloss("report", "runs");
    expect(code).to.equal(1);
    expect(stderr).to.equal(
      "mcloss: runs is not the folder of a run: it has no run.json that can be read. " +
        "Give a folder that mcloss train --out wrote\n",
    );
    expect((await mcloss("report", "runs/first", "runs/second", "--watch")).code).to.equal(2);
    expect((await mcloss("report", "runs/first", "--port", "70000")).code).to.equal(2);
  });

  it("serves the page of a run until Ctrl-C", async () => {
    const child = start("report", "runs/first", "--watch");
    const [line] = (await once(child.stderr.setEncoding("utf8"), "data")) as [string];
    const [, url = ""] = /^live view: (http:\/\/127\.0\.0\.1:\d+\/) /.exec(line) ?? [];
    expect(await (await fetch(url)).text()).to.contain("<h1>first</h1>");
    child.kill("SIGINT");
    await once(child, "close");
    expect(child.exitCode).to.equal(0);
  });
});

describe("mcloss train --watch", () => {
  before(() => writeColorFolder(join(folder(), "photos")));

  it("serves the run while it trains, and ends with it", async () => {
    // More than a test lets pass.
    const long = ["--epochs", "100000", "--batch-size", "8", "--image-size", "32", "--out", "run"];
    const child = start("train", "photos", ...long, "--port", "0");
    let stderr = "";
    let page: Promise<string> | undefined;
    const follow = async (url: string) => {
      let seen = "";
      for await (const chunk of (await fetch(url)).body!.pipeThrough(new TextDecoderStream())) {
        const hadEpoch = seen.includes("run · ");
        seen += chunk;
        if (!hadEpoch && seen.includes("run · ")) child.kill("SIGINT");
      }
      return seen;
    };
    for await (const chunk of child.stderr.setEncoding("utf8")) {
      stderr += String(chunk);
      const [, url] = /live view: (\S+)/.exec(stderr) ?? [];
      if (url !== undefined) page ??= follow(`${url}events`);
    }
    if (child.exitCode === null) await once(child, "exit");
    expect(child.exitCode, stderr).to.equal(130);
    expect(stderr.match(/live view/g)).to.have.length(1);
    const last = JSON.parse((await page)!.trim().split("\ndata: ").at(-1)!) as {
      ended: boolean;
      title: string;
    };
    expect(last).to.include({ ended: true });
    expect(last.title).to.match(/^run · \d+\.\d%$/);
    expect(await readFile(join(folder(), "run", "run.json"), "utf8")).to.not.match(/"watch"|"port"/);
  });

  it("trains on, whatever watchers do, where few files may be open", async () => {
    const port = await freePort();
    const quick = ["--epochs", "40", "--batch-size", "8", "--image-size", "32", "--out", "besieged"];
    const command = [process.execPath, MCLOSS, "train", "photos", ...quick, "--port", String(port)].join(" ");
    const child = spawn("bash", ["-c", `ulimit -n 256; exec ${command}`], { cwd: folder() });
    const sockets: Socket[] = [];
    let stderr = "";
    for await (const chunk of child.stderr.setEncoding("utf8")) {
      stderr += String(chunk);
      if (!stderr.includes("live view") || sockets.length > 0) continue;
      for (let i = 0; i < 400; i += 1) sockets.push(connect(port, "127.0.0.1").on("error", () => undefined));
    }
    if (child.exitCode === null) await once(child, "exit");
    sockets.forEach((socket) => socket.destroy());
    expect(sockets).to.have.length(400);
    expect(child.exitCode, stderr).to.equal(0);
    const lines = (await readFile(join(folder(), "besieged", "metrics.jsonl"), "utf8")).trim().split("\n");
    expect(lines).to.have.length(40);
  });

  it("stops before the training where the port is in use", async () => {
    const other = start("report", "run", "--watch");
    const [line] = (await once(other.stderr.setEncoding("utf8"), "data")) as [string];
    const [, port = ""] = /:(\d+)\//.exec(line) ?? [];
    const { code, stderr } = await mcloss("train", "photos", "--out", "late", "--port", port);
    other.kill();
    expect(code).to.equal(1);
    expect(stderr).to.contain(`cannot listen on port ${port} of 127.0.0.1 (address already in use)`);
    await once(other, "close");
  });
});
