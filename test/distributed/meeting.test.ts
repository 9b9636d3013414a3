import { expect } from "chai";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { freePort, listensAt } from "../support/local-server.js";
import { rankEnv, startRank, type EndedRank, type Ranked } from "../support/train-ranks.js";

const TRAIN = ["train", "photos", "--image-size", "32", "--batch-size", "6", "--epochs", "1", "--overwrite"];

interface Person {
  rank: number;
  worldSize?: number;
  args?: readonly string[];
  env?: NodeJS.ProcessEnv;
}

describe("processes that cannot train together", () => {
  const folder = temporaryFolder();
  const servers: Server[] = [];
  const sockets: Socket[] = [];
  let started: Ranked[] = [];

  before(async () => {
    await writeColorFolder(join(folder(), "photos"), 4);
    await writeColorFolder(join(folder(), "more"), 5);
  });

  afterEach(async () => {
    for (const { child } of started) child.kill("SIGKILL");
    await Promise.all(started.map(({ ended }) => ended));
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const server of servers.splice(0)) server.close();
  });

  /** How each of them ends. */
  async function meet(people: readonly Person[], port?: number): Promise<EndedRank[]> {
    const at = port ?? (await freePort());
    started = people.map(({ rank, worldSize = 2, args = TRAIN, env = {} }) =>
      startRank(folder(), { ...rankEnv(rank, worldSize, at), ...env }, args),
    );
    return Promise.all(started.map(({ ended }) => ended));
  }

  async function listen(server: Server): Promise<number> {
    servers.push(server);
    server.on("connection", (socket: Socket) => sockets.push(socket));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  const cases: [string, Person[], RegExp][] = [
    [
      "were told of different numbers",
      [{ rank: 0 }, { rank: 1, worldSize: 3 }],
      /rank 1 was told that there are 3 processes, and rank 0 that there are 2: give all the same WORLD_SIZE/,
    ],
    [
      "have the same rank",
      [
        { rank: 0, worldSize: 3 },
        { rank: 1, worldSize: 3 },
        { rank: 1, worldSize: 3 },
      ],
      /rank 1 is there twice/,
    ],
    [
      "have another recipe",
      [{ rank: 0 }, { rank: 1, args: [...TRAIN, "--learning-rate", "0.5"] }],
      /rank 1 has another recipe than rank 0: optimizer\.learningRate is 0\.5 there, and [\d.]+ on rank 0/,
    ],
    [
      "have other images",
      [{ rank: 0 }, { rank: 1, args: TRAIN.map((arg) => (arg === "photos" ? "more" : arg)) }],
      /rank 1 has another data set than rank 0: training\.count is 15 there, and 12 on rank 0/,
    ],
    [
      "cannot read their images, in one of them",
      [{ rank: 0 }, { rank: 1, args: TRAIN.map((arg) => (arg === "photos" ? "absent" : arg)) }],
      /cannot read the folder absent/,
    ],
    [
      "are not all there",
      [{ rank: 0, args: [...TRAIN, "--distributed-timeout", "2"] }],
      /rank 1 of 2 did not come within 2 seconds/,
    ],
    [
      "do not find rank 0",
      [{ rank: 1, args: [...TRAIN, "--distributed-timeout", "2"] }],
      /rank 0 was not reached at 127\.0\.0\.1, port \d+, within 2 seconds \(connection refused\)/,
    ],
    [
      "have no way to rank 0",
      [{ rank: 1, env: { MASTER_ADDR: "255.255.255.255" } }],
      /no way leads from this machine to MASTER_ADDR 255\.255\.255\.255/,
    ],
    [
      "have a name that is not known",
      [{ rank: 1, env: { MASTER_ADDR: "no-such-host.invalid" } }],
      /no-such-host\.invalid, is not known/,
    ],
    ["lack a variable", [{ rank: 0, env: { MASTER_PORT: "" } }], /MASTER_PORT is not set/],
  ];
  for (const [name, people, message] of cases) {
    it(`say so, and end with 1: they ${name}`, async () => {
      for (const { code, stderr } of await meet(people)) {
        expect(code, stderr).to.equal(1);
        expect(stderr).to.match(message);
      }
    });
  }

  const ports: [string, number, () => Server, RegExp, string?][] = [
    [
      "rank 0's port has another program",
      0,
      () => createServer(),
      /rank 0 cannot listen at MASTER_PORT \d+ \(address already in use\)/,
    ],
    [
      "a web server is at the port",
      1,
      () => createHttpServer(),
      /it answered "HTTP\/1\.1 400 Bad Request"/,
      "60",
    ],
    [
      "what is at the port never answers",
      1,
      () => createServer(),
      /is not rank 0 of a training: it does not answer/,
    ],
  ];
  for (const [name, rank, server, message, timeout = "2"] of ports) {
    it(`say so, and end with 1: ${name}`, async () => {
      const port = await listen(server());
      const args = [...TRAIN, "--distributed-timeout", timeout];
      const [ended] = await meet([{ rank, args }], port);
      expect(ended!.code).to.equal(1);
      expect(ended!.stderr).to.match(message);
    });
  }

  it("wait for one another, unless they are interrupted", async () => {
    const port = await freePort();
    started = [startRank(folder(), rankEnv(0, 2, port), TRAIN)];
    const [alone] = started;
    await listensAt(port);
    alone!.kill("SIGTERM");
    const { code } = await alone!.ended;
    expect(code).to.equal(130);
  });

  it("come from a launcher of Slurm's kind, too", async () => {
    const env = (rank: number) => ({
      SLURM_PROCID: `${rank}`,
      SLURM_LOCALID: `${rank}`,
      SLURM_NTASKS: "2",
      SLURM_JOB_ID: "123",
      SLURM_NODELIST: "localhost",
      MASTER_PORT: `${port}`,
    });
    const port = await freePort();
    started = [0, 1].map((rank) => startRank(folder(), env(rank), TRAIN));
    const [first, second] = await Promise.all(started.map(({ ended }) => ended));
    expect([first!.code, second!.code], first!.stderr + second!.stderr).to.deep.equal([0, 0]);
  });
});
