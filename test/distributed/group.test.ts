import { expect } from "chai";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { tensor } from "mutual-channel-loss";
import { initProcessGroup } from "#lib/distributed/init-process-group.js";
import { rejected } from "../support/errors.js";
import { freePort } from "../support/local-server.js";
import { answersOfRanks, runRanks } from "../support/ranks.js";
import type { collectives, Meeting, portMeetings } from "./group-ranks.js";

const RANKS = new URL("group-ranks.js", import.meta.url).href;

describe("a process group", () => {
  for (const world of [2, 3]) {
    it(`of ${world} reduces, broadcasts and gathers, bit for bit the same on all`, async () => {
      const results = await runRanks<Awaited<ReturnType<typeof collectives>>>(world, RANKS, "collectives");
      const ranks = Array.from({ length: world }, (_, rank) => rank);
      const sum = ranks.reduce((total, rank) => total + rank, 0);
      const third = Math.fround(1 / 3);
      for (const result of results) {
        expect(result).to.deep.equal(results[0]);
        expect(result.reduced["min"]).to.deep.equal([0, 11 - world, third]);
        expect(result.reduced["max"]).to.deep.equal([world - 1, 10, third]);
        expect(result.reduced["sum"]?.slice(0, 2)).to.deep.equal([sum, 10 * world - sum]);
        expect(result.reduced["mean"]?.[0]).to.be.closeTo(sum / world, 1e-6);
        expect(result.words).to.deep.equal(BigInt64Array.of(2n ** 62n, 1n));
        expect([...result.kinds].map(Number)).to.deep.equal([1, 1]);
        expect([...result.transposed]).to.deep.equal([
          sum,
          3 * world,
          world,
          4 * world,
          2 * world,
          5 * world,
        ]);
        expect([...result.gathered]).to.deep.equal(ranks.flatMap((rank) => [-0, rank / 3]));
        expect(result.scalars).to.deep.equal([[world], Uint8Array.from(ranks, (rank) => 200 + rank)]);
      }
    });
  }

  it("says so on all processes where they do not call the same, rather than end them", async () => {
    const [first, second] = await runRanks<[string, string, string]>(2, RANKS, "differences");
    expect(first).to.deep.equal([
      "ERR_DISTRIBUTED",
      "the processes do not do the same: rank 0 is at allReduce (sum) of float32 [4], and rank 1 is not. Each must make the same calls in the same order",
      "ERR_DISPOSED",
    ]);
    expect(second?.[1]).to.match(/rank 1 is at allReduce \(sum\) of float32 \[1048576\], and rank 0 is not/);
  });

  it("fails at once where a process is gone, and from then on", async () => {
    const [alone] = await runRanks<[string, string, number, number] | null>(2, RANKS, "lonely");
    expect(alone?.slice(0, 2)).to.deep.equal(["ERR_DISTRIBUTED", "ERR_DISTRIBUTED"]);
    const [, , took = NaN, slowness = NaN] = alone ?? [];
    expect(took, "ms").to.be.below(2000 + slowness);
  });

  it("does not keep a process that exits waiting for the others", async () => {
    const codes: (number | null)[] = [];
    const children: ChildProcess[] = [];
    // Rank 1 stays until rank 0 is gone, which waits for it in a collective.
    await answersOfRanks(2, RANKS, "leaving", null, {
      onStart: (child, rank) => {
        children[rank] = child;
        child.on("exit", (code) => {
          codes[rank] = code;
          if (rank === 0) children[1]?.send("enough");
        });
      },
    });
    expect(codes[0]).to.equal(7);
  });

  it("leaves nothing open when it is destroyed", async () => {
    const folder = await mkdtemp(join(tmpdir(), "mcloss-groups-"));
    try {
      const counts = await runRanks<number[]>(2, RANKS, "manyGroups", { folder, count: 200 });
      for (const open of counts) {
        expect(open).to.have.length(20);
        expect(open.at(-1)).to.be.at.most((open[0] ?? 0) + 1);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("of one has no sockets and needs no store", async () => {
    await using group = await initProcessGroup({ rank: 0, worldSize: 1 });
    const x = tensor([1, 2]);
    await group.allReduce(x, { op: "mean" });
    await group.broadcast(x);
    await group.barrier();
    expect(await x.data()).to.deep.equal(Float32Array.of(1, 2));
    expect((await group.allGather(x)).shape).to.deep.equal([1, 2]);
  });

  it("meets at a port, where rank 0 listens at that address alone", async () => {
    const hasIPv6 = Object.values(networkInterfaces()).some((all) =>
      all?.some(({ address }) => address === "::1"),
    );
    const hosts = ["127.0.0.1", "127.0.0.2", "localhost", ...(hasIPv6 ? ["::1", "[::1]"] : [])];
    const meetings: Meeting[] = [];
    for (const host of hosts) {
      meetings.push({
        host,
        port: await freePort(),
        others: ["127.0.0.1", "127.0.0.3"].filter((one) => one !== host),
      });
    }
    meetings[2]!.others = ["127.0.0.3"];
    const results = await runRanks<Awaited<ReturnType<typeof portMeetings>>>(
      2,
      RANKS,
      "portMeetings",
      meetings,
    );
    for (const result of results) {
      result.forEach(({ sum, elsewhere }, index) => {
        expect(sum).to.deep.equal(Float32Array.of(3));
        expect(elsewhere).to.deep.equal(meetings[index]!.others.map(() => "ECONNREFUSED"));
      });
    }
  });

  it("has a store of texts and counts", async () => {
    const { C10dStore } = await import("#lib/distributed/c10d-store.js");
    const store = await C10dStore.connect({
      host: "127.0.0.1",
      port: await freePort(),
      serve: true,
      listen: "127.0.0.1",
      worldSize: 1,
      timeout: 60_000,
    });
    await store.set("key", "värde");
    expect(await store.get("key")).to.equal("värde");
    expect([await store.has("key"), await store.has("other")]).to.deep.equal([true, false]);
    expect([await store.add("count", 2), await store.add("count", 0)]).to.deep.equal([2, 2]);
    store.dispose();
  });

  it("says where its store cannot listen", async () => {
    const { C10dStore } = await import("#lib/distributed/c10d-store.js");
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const options = { host: "127.0.0.1", port, serve: true, worldSize: 1, timeout: 60_000 };
    const taken = await rejected(C10dStore.connect({ ...options, listen: "127.0.0.1" }));
    server.close();
    expect(taken).to.include({ code: "ERR_DISTRIBUTED" });
    expect(taken.message).to.equal(`cannot listen at 127.0.0.1, port ${port}: Address already in use`);
    const away = await rejected(C10dStore.connect({ ...options, listen: "192.0.2.1" }));
    expect(away.message).to.match(/cannot listen at 192\.0\.2\.1, port \d+: Cannot assign requested address/);
    const name = await rejected(C10dStore.connect({ ...options, listen: "localhost" }));
    expect(name.message).to.match(/cannot listen at localhost/);
  });

  it("names the option that is wrong", async () => {
    const store = { file: "/nowhere" };
    const problems: [object, RegExp][] = [
      [{ rank: 2, worldSize: 2, store }, /^rank must be from 0 to 1, got 2/],
      [{ rank: 0, worldSize: 2 }, /^store is missing/],
      [{ rank: 0, worldSize: 2, store: { host: "h" } }, /^store/],
      [{ rank: 0, worldSize: 2, store, backend: "mpi" }, /^backend must be one of gloo, nccl/],
      [{ rank: 0, worldSize: 2, store, timeoutSeconds: 0 }, /^timeoutSeconds must be more than 0/],
    ];
    for (const [options, message] of problems) {
      const error = await rejected(initProcessGroup(options));
      expect(error.code).to.equal("ERR_ARGUMENT");
      expect(error.message).to.match(message);
    }
    await using group = await initProcessGroup({ rank: 0, worldSize: 1 });
    expect((await rejected(group.allReduce([1] as never))).message).to.equal("tensor must be a Tensor");
    expect((await rejected(group.allReduce(tensor([true])))).message).to.match(/^tensor must be of float32/);
    const whole = tensor([1], { dtype: "int32" });
    expect((await rejected(group.allReduce(whole, { op: "mean" }))).code).to.equal("ERR_DTYPE");
    expect((await rejected(group.broadcast(tensor([1]), { from: 1 }))).argument).to.equal("from");
  });
});
