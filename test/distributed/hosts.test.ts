import { expect } from "chai";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { MCLOSS } from "../support/mcloss.js";
import { Ranked, rankEnv, startImpatient, withoutRank, type EndedRank } from "../support/train-ranks.js";

const TRAIN = ["train", "photos", "--image-size", "32", "--batch-size", "6", "--overwrite", "--out"];
const [FIRST, SECOND] = [`mcloss-a${process.pid}`, `mcloss-b${process.pid}`];
const [WIRE_A, WIRE_B] = [`mca${process.pid}`.slice(0, 15), `mcb${process.pid}`.slice(0, 15)];
const ADDRESS = "10.77.0.1";
const PORT = 29_500;
/** As Debian's installer has it: a loopback address on its own machine, by a name that leads to it from others. */
const NAME = "first.example";
/** What ip puts in the place of /etc/hosts within a namespace. */
const HOSTS: Readonly<Record<string, string>> = {
  [FIRST]: `127.0.0.1 localhost\n127.0.1.1 ${NAME}\n`,
  [SECOND]: `127.0.0.1 localhost\n${ADDRESS} ${NAME}\n`,
};

/** Two network namespaces with a wire between them stand for two machines. */
describe("two machines (skipped where this user may not make networks)", () => {
  const folder = temporaryFolder();
  let started: Ranked[] = [];

  const ip = (...args: string[]) => execFileSync("ip", args, { stdio: "pipe" });

  before(async function () {
    if (spawnSync("ip", ["netns", "add", FIRST]).status !== 0) this.skip();
    ip("netns", "add", SECOND);
    ip("link", "add", WIRE_A, "type", "veth", "peer", "name", WIRE_B);
    for (const [name, wire, address] of [
      [FIRST, WIRE_A, ADDRESS],
      [SECOND, WIRE_B, "10.77.0.2"],
    ] as const) {
      ip("link", "set", wire, "netns", name);
      ip("-n", name, "addr", "add", `${address}/24`, "dev", wire);
      ip("-n", name, "link", "set", wire, "up");
      ip("-n", name, "link", "set", "lo", "up");
      await mkdir(`/etc/netns/${name}`, { recursive: true });
      await writeFile(`/etc/netns/${name}/hosts`, HOSTS[name] ?? "");
    }
    await writeColorFolder(join(folder(), "photos"), 4);
  });

  after(async () => {
    for (const name of [FIRST, SECOND]) {
      spawnSync("ip", ["netns", "del", name]);
      await rm(`/etc/netns/${name}`, { recursive: true, force: true });
    }
  });

  afterEach(async () => {
    for (const { child } of started) child.kill("SIGKILL");
    await Promise.all(started.map(({ ended }) => ended));
    ip("-n", SECOND, "link", "set", WIRE_B, "up");
  });

  /** A run's folder of its own each: nothing is shared between machines. */
  function start(args: readonly string[], env: (rank: number) => NodeJS.ProcessEnv = () => ({})): Ranked[] {
    started = [FIRST, SECOND].map((name, rank) => {
      const command = ["netns", "exec", name, process.execPath, MCLOSS, ...TRAIN, `run-${rank}`, ...args];
      const own = { ...rankEnv(rank, 2, PORT, ADDRESS), LOCAL_RANK: "0", OMP_NUM_THREADS: "1", ...env(rank) };
      return new Ranked(
        spawn("ip", command, { cwd: folder(), env: { ...withoutRank(process.env), ...own } }),
      );
    });
    return started;
  }

  const ends = (ranks: readonly Ranked[]): Promise<EndedRank[]> =>
    Promise.all(ranks.map(({ ended }) => ended));

  it("train together, at the addresses that lead to rank 0", async () => {
    for (const { code, stderr } of await ends(start(["--epochs", "1"]))) expect(code, stderr).to.equal(0);
  });

  it("go on with a run whose folder is on the first alone", async () => {
    for (const { code } of await ends(start(["--epochs", "2", "--continue"]))) expect(code).to.equal(0);
    const again = await ends(start(["--epochs", "3", "--continue"]));
    expect(again[0]!.stderr)
      .to.match(/epoch 3\/3/)
      .and.not.match(/epoch 2\/3/);
    expect(again.map(({ code }) => code)).to.deep.equal([0, 0]);
  });

  it("are told where a name is a loopback address on the machine itself", async () => {
    for (const { code, stderr } of await ends(start(["--epochs", "1"], () => ({ MASTER_ADDR: NAME })))) {
      expect(code, stderr).to.equal(1);
      expect(stderr).to.match(
        /rank 0 would be at 127\.0\.0\.1, which only .* itself reaches, but there are 2 machines/,
      );
    }
  });

  it("are told where rank 0 is to be at a loopback address", async () => {
    const env = (rank: number) => (rank === 0 ? { MASTER_ADDR: "127.0.0.1" } : {});
    const [first, second] = await ends(start(["--epochs", "1", "--distributed-timeout", "3"], env));
    expect([first!.code, second!.code]).to.deep.equal([1, 1]);
    expect(first!.stderr).to.match(
      /rank 1 of 2 did not come.*Rank 0 is at 127\.0\.0\.1, which only this machine reaches/,
    );
    expect(second!.stderr).to.match(/rank 0 was not reached at 10\.77\.0\.1.*\(connection refused\)/);
  });

  it("listen at nothing but the addresses that lead to rank 0; end after the timeout when the wire is cut", async () => {
    const { ranks, seconds } = await startImpatient((timeout) =>
      Promise.resolve(start(["--epochs", "5000", ...timeout])),
    );
    const slowness = ranks[0]!.age;
    for (const [index, name] of [FIRST, SECOND].entries()) {
      const listening = listeners(name);
      // Gloo's, and rank 0's store.
      expect(listening).to.have.length(index === 0 ? 2 : 1);
      expect(new Set(listening)).to.deep.equal(new Set([`10.77.0.${index + 1}`]));
    }
    const at = performance.now();
    ip("-n", SECOND, "link", "set", WIRE_B, "down");
    for (const { code, stderr, at: end } of await ends(ranks)) {
      expect(code, stderr).to.equal(1);
      expect(stderr).to.match(/the connection to rank \d was lost/);
      expect(end - at, "ms").to.be.below(1000 * seconds + 17_000 + slowness);
    }
  });
});

/** The addresses at which processes of a namespace listen. */
function listeners(namespace: string): string[] {
  const read = (file: string) =>
    execFileSync("ip", ["netns", "exec", namespace, "cat", file], { encoding: "utf8" });
  // "sl local_address:port remote_address:port state …", of which state 0A is listening.
  const local = `${read("/proc/net/tcp")}\n${read("/proc/net/tcp6")}`
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([, address = "", , state]) => (state === "0A" ? [address.split(":")[0] ?? ""] : []));
  return local.map((hex) => (hex.length === 8 ? dotted(hex) : hex));
}

/** The kernel's way of writing an IPv4 address, with the last byte first. */
function dotted(hex: string): string {
  return [...Buffer.from(hex, "hex")].reverse().join(".");
}
