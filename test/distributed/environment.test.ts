import { expect } from "chai";
import { readEnvironment } from "#lib/distributed/environment.js";
import { caught } from "../support/errors.js";

const TORCHRUN = {
  RANK: "1",
  WORLD_SIZE: "4",
  LOCAL_RANK: "1",
  MASTER_ADDR: "node01",
  MASTER_PORT: "29500",
  TORCHELASTIC_RUN_ID: "none",
  TORCHELASTIC_RESTART_COUNT: "2",
  TORCHELASTIC_USE_AGENT_STORE: "True",
};
const PLAIN = { RANK: "0", WORLD_SIZE: "2", MASTER_ADDR: "10.0.0.1", MASTER_PORT: "29500" };
const SLURM = {
  SLURM_JOB_ID: "123456",
  SLURM_STEP_ID: "0",
  SLURM_PROCID: "3",
  SLURM_NTASKS: "8",
  SLURM_LOCALID: "1",
  SLURM_NODELIST: "gpu[007-009,012],login",
};

describe("a rank's environment", () => {
  it("is one process where nothing is set, or the number of processes is 1", () => {
    const alone = { rank: 0, worldSize: 1, localRank: 0, restarts: 0 };
    expect(readEnvironment({})).to.include(alone).and.not.have.property("place");
    expect(readEnvironment({ WORLD_SIZE: "1" }))
      .to.include(alone)
      .and.not.have.property("place");
    expect(readEnvironment({ RANK: "", WORLD_SIZE: "" })).to.include(alone);
    expect(readEnvironment({ SLURM_PROCID: "0", SLURM_NTASKS: "1" })).to.include(alone);
  });

  it("is what torchrun sets, whose agent keeps the store", () => {
    expect(readEnvironment(TORCHRUN)).to.deep.equal({
      launcher: "torchrun",
      rank: 1,
      worldSize: 4,
      localRank: 1,
      restarts: 2,
      prefix: "none/2",
      place: { type: "tcp", host: "node01", port: 29500, serve: false },
    });
    expect(readEnvironment({ ...TORCHRUN, RANK: "0" }).place).to.include({ serve: false });
  });

  it("is what any launcher sets, where rank 0 keeps the store", () => {
    expect(readEnvironment(PLAIN)).to.deep.include({
      launcher: "another launcher",
      localRank: 0,
      place: { type: "tcp", host: "10.0.0.1", port: 29500, serve: true },
    });
    expect(readEnvironment({ ...PLAIN, RANK: "1" }).place).to.include({ serve: false });
  });

  it("is on a loopback address where all processes are of one machine", () => {
    expect(readEnvironment({ ...PLAIN, LOCAL_WORLD_SIZE: "2" }).place).to.include({ host: "127.0.0.1" });
    expect(readEnvironment({ ...PLAIN, LOCAL_WORLD_SIZE: "1" }).place).to.include({ host: "10.0.0.1" });
    expect(readEnvironment({ ...SLURM, SLURM_NNODES: "1" }).place).to.include({ host: "127.0.0.1" });
    expect(readEnvironment({ ...SLURM, SLURM_NNODES: "2" }).place).to.include({ host: "gpu007" });
    // torchrun's agent listens where it was told to.
    expect(readEnvironment({ ...TORCHRUN, LOCAL_WORLD_SIZE: "4" }).place).to.include({ host: "node01" });
  });

  it("has IPv6 addresses with brackets or without", () => {
    for (const MASTER_ADDR of ["fd00::1", "[fd00::1]"]) {
      expect(readEnvironment({ ...PLAIN, MASTER_ADDR }).place).to.include({ host: "fd00::1" });
      expect(readEnvironment({ ...SLURM, MASTER_ADDR }).place).to.include({ host: "fd00::1" });
    }
  });

  it("is a file of the supervisor", () => {
    const env = { RANK: "1", WORLD_SIZE: "2", LOCAL_RANK: "1", MCLOSS_STORE: "/tmp/s", MCLOSS_RESTARTS: "1" };
    expect(readEnvironment(env)).to.deep.include({
      launcher: "mcloss",
      restarts: 1,
      place: { type: "file", path: "/tmp/s" },
    });
  });

  it("is Slurm's, whose first host rank 0 is on", () => {
    expect(readEnvironment(SLURM)).to.deep.equal({
      launcher: "Slurm",
      rank: 3,
      worldSize: 8,
      localRank: 1,
      restarts: 0,
      prefix: "123456/0/0",
      place: { type: "tcp", host: "gpu007", port: 23456, serve: false },
    });
    const given = { MASTER_ADDR: "10.1.2.3", MASTER_PORT: "1234", SLURM_RESTART_COUNT: "1" };
    expect(readEnvironment({ ...SLURM, ...given })).to.deep.include({
      restarts: 1,
      place: { type: "tcp", host: "10.1.2.3", port: 1234, serve: false },
    });
  });

  it("is of the launcher within Slurm's step", () => {
    expect(readEnvironment({ ...SLURM, ...TORCHRUN })).to.include({ launcher: "torchrun", rank: 1 });
  });

  for (const [list, host] of Object.entries({
    node1: "node1",
    "node[3,5-9]": "node3",
    "rack[1-2]n[04-07],x": "rack1n04",
    "a.example.org,b": "a.example.org",
  })) {
    it(`knows the first host of ${list}`, () => {
      const { place } = readEnvironment({ ...SLURM, SLURM_NODELIST: list });
      expect(place).to.include({ host });
    });
  }

  const wrong: [string, NodeJS.ProcessEnv, string, RegExp][] = [
    ["RANK alone", { RANK: "0" }, "WORLD_SIZE", /is not set/],
    ["no RANK", { WORLD_SIZE: "2" }, "RANK", /is not set/],
    ["a rank that is none", { ...PLAIN, RANK: "first" }, "RANK", /got "first"/],
    ["a rank beyond the last", { ...PLAIN, RANK: "2" }, "RANK", /is 2, but WORLD_SIZE is 2.* last is 1/],
    ["a negative rank", { ...PLAIN, RANK: "-1" }, "RANK", /at least 0/],
    ["no processes", { ...PLAIN, WORLD_SIZE: "0" }, "WORLD_SIZE", /at least 1/],
    ["no address", { ...PLAIN, MASTER_ADDR: " " }, "MASTER_ADDR", /is not set/],
    ["no port", { ...PLAIN, MASTER_PORT: undefined }, "MASTER_PORT", /is not set/],
    ["a port beyond the last", { ...PLAIN, MASTER_PORT: "65536" }, "MASTER_PORT", /1 to 65535/],
    ["a list of hosts that is none", { ...SLURM, SLURM_NODELIST: "[[" }, "SLURM_NODELIST", /MASTER_ADDR/],
    ["no list of hosts", { ...SLURM, SLURM_NODELIST: "" }, "SLURM_NODELIST", /MASTER_ADDR/],
  ];
  for (const [name, env, argument, message] of wrong) {
    it(`is refused with the variable's name: ${name}`, () => {
      const error = caught(() => readEnvironment(env));
      expect(error).to.include({ code: "ERR_ARGUMENT", argument });
      expect(error.message).to.match(message);
    });
  }
});
