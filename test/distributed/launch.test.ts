import { expect } from "chai";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { launch, type LaunchOptions } from "#lib/distributed/launch.js";
import { runModule } from "../support/child.js";
import { temporaryFolder } from "../support/images.js";

const LAUNCH = JSON.stringify(new URL("../../dist/distributed/launch.js", import.meta.url).href);
const RANK_PROCESS = JSON.stringify(new URL("../../dist/distributed/rank-process.js", import.meta.url).href);

interface Launched {
  code: number;
  lines: string[];
}

describe("the supervisor", () => {
  const folder = temporaryFolder();

  /** Starts ranks that run `source`, in which `rank`, `say` and `meet`, which waits for as many ranks, are known. */
  async function start(source: string, options: Partial<LaunchOptions> = {}): Promise<Launched> {
    const file = join(folder(), `${Math.random()}.mjs`);
    const head = `
      import { appendFileSync, readFileSync } from "node:fs";
      import { setTimeout as sleep } from "node:timers/promises";
      const rank = Number(process.env.RANK);
      const said = ${JSON.stringify(file)} + ".txt";
      const say = (text) => appendFileSync(said, text + "\\n");
      const env = process.env;
      const meet = async (count, where = "a") => {
        const place = ${JSON.stringify(file)} + "." + where;
        appendFileSync(place, ".");
        while (readFileSync(place, "utf8").length < count) await sleep(5);
      };`;
    await writeFile(file, head + source);
    const lines: string[] = [];
    const tell = (line: string) => void lines.push(line);
    const onLine = (rank: number, line: string) => void lines.push(`[rank ${rank}] ${line}`);
    const code = await launch({ processes: 2, command: [file], tell, onLine, ...options });
    const said = existsSync(`${file}.txt`) ? readFileSync(`${file}.txt`, "utf8").trim().split("\n") : [];
    return { code, lines: [...lines, ...said.sort()] };
  }

  it("gives each rank its place, a share of the cores, and the file where all meet", async () => {
    const source = `say([rank, env.LOCAL_RANK, env.WORLD_SIZE, env.OMP_NUM_THREADS > 0, env.MCLOSS_STORE.length > 0].join(" "))`;
    const env = { PATH: process.env["PATH"] };
    const { code, lines } = await start(source, { processes: 3, env });
    expect(code).to.equal(0);
    expect(lines).to.deep.equal(["0 0 3 true true", "1 1 3 true true", "2 2 3 true true"]);
  });

  it("leaves the user's own number of threads", async () => {
    const { lines } = await start("if (rank === 0) say(env.OMP_NUM_THREADS)", {
      env: { ...process.env, OMP_NUM_THREADS: "7" },
    });
    expect(lines).to.deep.equal(["7"]);
  });

  it("passes on what the others write, with their rank", async () => {
    const { lines } = await start(`if (rank === 1) { console.error("one"); console.log("two"); }`);
    expect(lines).to.have.members(["[rank 1] one", "[rank 1] two"]);
  });

  it("names the first that failed, ends the others, and gives its exit code", async () => {
    const source = `
      process.on("SIGTERM", () => { say("told to end"); process.exit(1); });
      await meet(2);
      if (rank === 1) process.exit(3);
      setInterval(() => undefined, 1000);`;
    const { code, lines } = await start(source);
    expect(code).to.equal(1);
    expect(lines).to.include("rank 1 failed first: it ended with exit code 3").and.include("told to end");
  });

  it("names the signal that killed one", async () => {
    const { lines } = await start(
      `if (rank === 1) process.kill(process.pid, "SIGKILL"); else await sleep(60_000)`,
    );
    expect(lines[0]).to.match(
      /^rank 1 failed first: it was killed by SIGKILL, as by the system where memory/,
    );
  });

  it("kills those that do not end, and those that are stopped", async () => {
    const source = `
      process.on("SIGTERM", () => undefined);
      await meet(3);
      if (rank === 2) {
        say(Date.now());
        process.exit(1);
      }
      if (rank === 1) process.kill(process.pid, "SIGSTOP");
      setInterval(() => undefined, 1000);`;
    const { code, lines } = await start(source, { processes: 3, graceSeconds: 0.5 });
    expect(code).to.equal(1);
    // A second in which they could see it by themselves, and the half; by default they have ten.
    expect(Date.now() - Number(lines.at(-1)), "ms").to.be.within(1400, 10_000);
  });

  it("prints what several failed with once", async () => {
    const source = `
      const { reportFailure } = await import(${RANK_PROCESS});
      await meet(2);
      await reportFailure("the images are gone");
      await meet(2, "end");
      process.exitCode = 1;`;
    const { lines } = await start(source);
    expect(lines.filter((line) => line.includes("the images are gone"))).to.deep.equal([
      "the images are gone",
    ]);
  });

  it("names the ranks that failed with something", async () => {
    const source = `
      const { reportFailure } = await import(${RANK_PROCESS});
      await meet(3);
      await reportFailure(rank === 1 ? "no memory" : "lost rank 1");
      await meet(3, "end");
      process.exitCode = 1;`;
    const { lines } = await start(source, { processes: 3 });
    expect(lines).to.include("rank 1: no memory").and.include("ranks 0 and 2: lost rank 1");
  });

  it("starts all anew after a failure, as often as it may, and says so", async () => {
    const source = `say(rank + " " + env.MCLOSS_RESTARTS); await meet(2, env.MCLOSS_RESTARTS); if (rank === 1 && env.MCLOSS_RESTARTS < 2) process.exit(1);`;
    const { code, lines } = await start(source, { maxRestarts: 2 });
    expect(code).to.equal(0);
    expect(lines).to.include.members(["0 0", "0 1", "0 2", "1 0", "1 1", "1 2"]);
    expect(lines).to.include("starting all 2 processes anew (2 of 2)");
  });

  it("does not start anew after wrong usage", async () => {
    const { code, lines } = await start("process.exit(2)", { maxRestarts: 3 });
    expect(code).to.equal(2);
    expect(lines.join()).to.not.match(/anew/);
  });

  it("ends with 130 where all were interrupted, though one alone was told", async () => {
    const { code } = await start("process.exit(130)", { maxRestarts: 3 });
    expect(code).to.equal(130);
  });

  it("says that a rank cannot be started", async () => {
    const { code, lines } = await start("", { command: [join(folder(), "absent.mjs")] });
    expect(code).to.equal(1);
    expect(lines.join("\n")).to.match(/rank \d failed first: it ended with exit code 1/);
  });

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    it(`passes ${signal} on, once, and ends with 130`, async () => {
      const rank = join(folder(), `${signal}.mjs`);
      await writeFile(
        rank,
        `for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, () => {
           console.log(process.env.RANK + " got it");
           setTimeout(() => process.exit(130), 200);
         });
         setInterval(() => undefined, 1000);
         console.log("ready");`,
      );
      const source = `
        import { launch } from ${LAUNCH};
        process.exitCode = await launch({ processes: 1, command: [${JSON.stringify(rank)}], tell: console.error, onLine: (_, line) => console.error(line) });`;
      let told = false;
      const { code, output } = await runModule(source, {
        onOutput: (_, kill) => {
          if (told) return;
          told = true;
          kill(signal);
          kill(signal);
        },
      });
      expect(output).to.equal("ready\n0 got it\n");
      expect(code).to.equal(130);
    });
  }

  it("leaves no process when it is killed", async () => {
    const rank = join(folder(), "orphan.mjs");
    await writeFile(
      rank,
      `import { onParentGone } from ${RANK_PROCESS};
       onParentGone(() => process.exit(1));
       setInterval(() => undefined, 1000);
       console.error("pid " + process.pid);`,
    );
    const source = `
      import { launch } from ${LAUNCH};
      await launch({ processes: 3, command: [${JSON.stringify(rank)}], tell: console.error, onLine: (_, line) => console.error(line) });`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", source]);
    let pids: number[] = [];
    let seen = "";
    child.stderr.setEncoding("utf8");
    for await (const chunk of child.stderr as AsyncIterable<string>) {
      seen += chunk;
      pids = [...seen.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));
      if (pids.length === 3) break;
    }
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    await gone(pids);
  });

  it("lets a rank end by itself, though it watches for the supervisor", async () => {
    const source = `
      const { onParentGone } = await import(${RANK_PROCESS});
      onParentGone(() => process.exit(1));`;
    expect((await start(source)).code).to.equal(0);
  });

  it("loads no LibTorch", async () => {
    const rank = join(folder(), "maps.mjs");
    await writeFile(
      rank,
      `import { readFileSync } from "node:fs";
       process.exitCode = readFileSync("/proc/" + process.ppid + "/maps", "utf8").includes("torch") ? 1 : 0;`,
    );
    const source = `
      import { launch } from ${LAUNCH};
      process.exitCode = await launch({ processes: 2, command: [${JSON.stringify(rank)}], tell: console.error, onLine: (_, line) => console.error(line) });`;
    const { code, errors } = await runModule(source);
    expect(code, errors).to.equal(0);
  });
});

/** Waits until none of the processes is there; the test's timeout is the limit. */
async function gone(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await sleep(20);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}
