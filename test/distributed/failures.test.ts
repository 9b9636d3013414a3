import { expect } from "chai";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunInfo } from "mutual-channel-loss/train";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import {
  descendants,
  gone,
  rankOf,
  startImpatient,
  startRank,
  startRanks,
  type Ranked,
} from "../support/train-ranks.js";

const SMALL = ["train", "photos", "--image-size", "32", "--batch-size", "6", "--overwrite", "--epochs"];
// More than a test lets pass.
const LONG = [...SMALL, "5000"];

describe("a training on several processes", () => {
  const folder = temporaryFolder();
  let started: Ranked[] = [];

  before(() => writeColorFolder(join(folder(), "photos"), 4));

  afterEach(async () => {
    for (const { child } of started) child.kill("SIGKILL");
    await Promise.all(started.map(({ ended }) => ended));
    started = [];
  });

  /** As any launcher does. */
  async function start(count: number, args: readonly string[] = LONG): Promise<Ranked[]> {
    started = await startRanks(folder(), count, args);
    return started;
  }

  function supervise(args: readonly string[]): Ranked {
    const run = startRank(folder(), {}, args);
    started = [run];
    return run;
  }

  /** The ranks' processes, by rank, once they train. */
  async function ranksOf(supervisor: Ranked, count: number): Promise<number[]> {
    await supervisor.saw(/epoch 1\//);
    const pids = descendants(supervisor.child.pid ?? 0);
    expect(pids).to.have.length(count);
    return pids.sort((a, b) => rankOf(a) - rankOf(b));
  }

  /** Waits until they train. In milliseconds, how long that took: longer on a busy machine, as what follows is. */
  async function beginning(rank: Ranked, sign = /epoch 1\//): Promise<number> {
    await rank.saw(sign);
    return rank.age;
  }

  const checkpoint = () => join(folder(), "runs/latest/checkpoints/last.safetensors");

  it("ends with the same images counted, by rank 0 alone, which others leave the word to", async () => {
    const flags = ["--sync-batch-norm", "--compress-gradients"];
    const [first, second] = await start(2, [...SMALL, "1", ...flags]);
    const [one, two] = await Promise.all([first!.ended, second!.ended]);
    expect(one.code, one.stderr).to.equal(0);
    expect(two).to.include({ code: 0, stdout: "", stderr: "" });
    expect(one.stderr)
      .to.match(/12 images of 3 classes/)
      .and.match(/epoch 1\/1/);
    expect(one.stdout).to.match(/last checkpoint/);
    const { options } = JSON.parse(await readFile(join(folder(), "runs/latest/run.json"), "utf8")) as RunInfo;
    expect(options).to.include({ syncBatchNorm: true, gradientCompression: "bfloat16" });
  });

  for (const [count, killed] of [
    [2, 0],
    [2, 1],
    [3, 2],
  ] as const) {
    it(`ends within two seconds when rank ${killed} of ${count} is killed, and names it`, async () => {
      const ranks = await start(count);
      const slowness = await beginning(ranks[0]!);
      const at = ranks[killed]!.kill("SIGKILL");
      for (const [rank, { ended }] of ranks.entries()) {
        if (rank === killed) continue;
        const { code, stderr, at: end } = await ended;
        expect(code).to.equal(1);
        expect(stderr).to.match(new RegExp(`the connection to rank ${killed} was lost`));
        expect(end - at, "ms").to.be.below(2000 + slowness);
      }
    });
  }

  it("ends a second after the timeout at most when a rank is stopped, and names it", async () => {
    const { ranks, seconds } = await startImpatient((timeout) => start(2, [...LONG, ...timeout]));
    const [first, second] = ranks;
    const slowness = await beginning(first!);
    const at = second!.kill("SIGSTOP");
    const { code, stderr, at: end } = await first!.ended;
    expect(code).to.equal(1);
    expect(stderr).to.match(/the connection to rank 1 was lost/);
    expect(end - at, "ms").to.be.below(1000 * seconds + 1000 + slowness);
  });

  it("leaves at once, amid a collective, when its reader has seen enough; the others see that", async () => {
    const [first, second] = await start(2, [...LONG, "--json"]);
    const slowness = await beginning(first!, /12 images of 3 classes/);
    const at = performance.now();
    first!.child.stdout?.destroy();
    const [one, two] = await Promise.all([first!.ended, second!.ended]);
    expect(one.code).to.equal(0);
    expect(one.at - at, "ms").to.be.below(3000 + 2 * slowness);
    expect(two.stderr).to.match(/the connection to rank 0 was lost/);
  });

  it("leaves at once at a second signal, though it waits for a rank that is stopped", async () => {
    const [first, second] = await start(2);
    const slowness = await beginning(first!);
    second!.kill("SIGSTOP");
    first!.kill("SIGTERM");
    await first!.saw(/stopping after this step/);
    // Within a second it may be the same one, from a launcher and a terminal.
    await sleep(1100);
    const at = first!.kill("SIGTERM");
    const { at: end } = await first!.ended;
    expect(end - at, "ms").to.be.below(1000 + slowness);
  });

  it("waits for a straggler", async () => {
    const args = [...SMALL, "40", "--distributed-timeout", "100"];
    const [first, second] = await start(2, args);
    await first!.saw(/epoch 1\//);
    second!.kill("SIGSTOP");
    await sleep(1500);
    second!.kill("SIGCONT");
    const { code, stderr } = await first!.ended;
    expect(code, stderr).to.equal(0);
  });

  for (const asked of [0, 1]) {
    it(`stops in all processes after the same step, with a checkpoint, when rank ${asked} is told to`, async () => {
      const ranks = await start(2);
      await ranks[0]!.saw(/epoch 1\//);
      ranks[asked]!.kill("SIGTERM");
      const [one, two] = await Promise.all(ranks.map(({ ended }) => ended));
      expect([one!.code, two!.code], one!.stderr + two!.stderr).to.deep.equal([130, 130]);
      expect(existsSync(checkpoint())).to.equal(true);
    });
  }

  describe("with a supervisor", () => {
    it("prints what one process would, and its exit code", async () => {
      const { code, stdout, stderr } = await supervise([...SMALL, "1", "--processes", "2"]).ended;
      expect(code, stderr).to.equal(0);
      expect(stderr.match(/epoch 1\/1/g)).to.have.length(1);
      expect(stdout.match(/last checkpoint/g)).to.have.length(1);
    });

    it("names the rank that is killed, and leaves none", async () => {
      const supervisor = supervise([...LONG, "--processes", "3"]);
      const pids = await ranksOf(supervisor, 3);
      process.kill(pids[1]!, "SIGKILL");
      const { code, stderr } = await supervisor.ended;
      expect(code).to.equal(1);
      expect(stderr).to.match(/rank 1 failed first: it was killed by SIGKILL/);
      expect(stderr, stderr).to.match(/ranks 0 and 2: the connection to rank 1 was lost/);
      await gone(pids);
    });

    it("leaves no rank when it is killed itself", async () => {
      const supervisor = supervise([...LONG, "--processes", "2"]);
      const pids = await ranksOf(supervisor, 2);
      supervisor.kill("SIGKILL");
      await gone(pids);
      expect(existsSync(checkpoint())).to.equal(true);
    });

    it("stops all after the same step at Ctrl-C, says so once, and ends with 130", async () => {
      const supervisor = supervise([...LONG, "--processes", "2"]);
      await ranksOf(supervisor, 2);
      supervisor.kill("SIGINT");
      const { code, stderr } = await supervisor.ended;
      expect(code, stderr).to.equal(130);
      expect(stderr.match(/stopping after this step/g)).to.have.length(1);
      expect(stderr)
        .to.match(/interrupted/)
        .and.not.match(/failed first/);
    });

    it("goes on from the last checkpoint after a failure, with --max-restarts", async () => {
      const supervisor = supervise([...LONG, "--processes", "2", "--max-restarts", "1"]);
      const pids = await ranksOf(supervisor, 2);
      process.kill(pids[1]!, "SIGKILL");
      await supervisor.saw(/starting all 2 processes anew \(1 of 1\)[^]*epoch \d+\//);
      supervisor.kill("SIGTERM");
      const { code, stderr } = await supervisor.ended;
      expect(code, stderr).to.equal(130);
      const epochs = [...stderr.matchAll(/epoch (\d+)\/5000/g)].map(([, epoch]) => Number(epoch));
      expect(epochs, stderr).to.deep.equal(epochs.map((_, index) => index + 1));
    });

    it("says once what no process can do", async () => {
      const { code, stderr } = await supervise(["train", "absent", "--overwrite", "--processes", "2"]).ended;
      expect(code).to.equal(1);
      expect(stderr.match(/cannot read the folder absent/g)).to.have.length(1);
    });

    it("refuses batches that cannot be shared, naming those that can, and what a launcher has done", async () => {
      const uneven = await supervise([...SMALL, "1", "--processes", "4"]).ended;
      expect(uneven.code).to.equal(2);
      expect(uneven.stderr).to.match(/--batch-size 6 is of all 4 processes together.*take 4 or 8/);
      const twice = await startRank(
        folder(),
        { RANK: "0", WORLD_SIZE: "2", MASTER_ADDR: "a", MASTER_PORT: "1" },
        [...SMALL, "1", "--processes", "2"],
      ).ended;
      expect(twice.code).to.equal(2);
      expect(twice.stderr).to.match(/has started this process as one of 2: leave out --processes/);
    });

    it("wants GPUs for --devices", async () => {
      const { code, stderr } = await supervise([...SMALL, "1", "--devices", "64"]).ended;
      expect(code).to.equal(2);
      expect(stderr).to.match(/--devices cannot be 64, as LibTorch sees \d+ GPUs here/);
    });
  });
});
