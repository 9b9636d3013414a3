import { expect } from "chai";
import type { McLossError } from "mutual-channel-loss";
import { Conversation } from "#lib/distributed/conversation.js";
import { agree, introduce, sayHello, type Introduction } from "#lib/distributed/hello.js";
import { rejected } from "../support/errors.js";
import { MemoryStore } from "../support/memory-store.js";

interface Person {
  rank: number;
  worldSize?: number;
  timeoutSeconds?: number;
  about?: Partial<Introduction>;
}

function talkOf(store: MemoryStore, { rank, worldSize = 2, timeoutSeconds = 5 }: Person): Conversation {
  return new Conversation(store, { rank, worldSize, timeoutSeconds, prefix: "test/0" });
}

function greet(store: MemoryStore, person: Person): Promise<Introduction[]> {
  const own = { ...introduce(person.worldSize ?? 2, "127.0.0.1"), ...person.about };
  return sayHello(talkOf(store, person), own);
}

/** What each of them fails with. */
function failures(people: readonly Person[]): Promise<McLossError[]> {
  const store = new MemoryStore();
  return Promise.all(people.map((person) => rejected(greet(store, person))));
}

describe("the first words between ranks", () => {
  it("are who all are, the same for each", async () => {
    const store = new MemoryStore();
    const [first, second] = await Promise.all([
      greet(store, { rank: 0, about: { pid: 10 } }),
      greet(store, { rank: 1, about: { pid: 11 } }),
    ]);
    expect(first.map(({ pid }) => pid)).to.deep.equal([10, 11]);
    expect(second).to.deep.equal(first);
  });

  const cases: [string, Person[], RegExp, number[]][] = [
    [
      "numbers of processes that differ, with fewer told to rank 0",
      [{ rank: 0 }, { rank: 1, worldSize: 3 }, { rank: 2, worldSize: 3 }],
      /rank 1 was told that there are 3 processes, and rank 0 that there are 2/,
      [1],
    ],
    [
      "numbers of processes that differ, with more told to rank 0",
      [
        { rank: 0, worldSize: 3 },
        { rank: 1, worldSize: 2 },
      ],
      /rank 1 was told that there are 2 processes, and rank 0 that there are 3/,
      [1],
    ],
    ["a rank twice", [{ rank: 1 }, { rank: 1 }], /rank 1 is there twice/, [1]],
    ["rank 0 twice", [{ rank: 0 }, { rank: 0 }], /rank 0 is there twice/, [0]],
    [
      "another version",
      [{ rank: 0 }, { rank: 1, about: { version: "0.0.9" } }],
      /rank 1, on .*, has version 0\.0\.9 of this package, and rank 0 has/,
      [1],
    ],
    [
      "a loopback address, of several machines",
      [
        { rank: 0, about: { machine: "a", host: "alpha", address: "127.0.1.1" } },
        { rank: 1, about: { machine: "b", address: "10.0.0.2" } },
      ],
      /rank 0 would be at 127\.0\.1\.1, which only alpha itself reaches.*GLOO_SOCKET_IFNAME/,
      [0],
    ],
  ];
  for (const [name, people, message, ranks] of cases) {
    it(`end all with the same error: ${name}`, async () => {
      const errors = await failures(people);
      for (const error of errors) {
        expect(error).to.include({ code: "ERR_DISTRIBUTED" });
        expect(error.message).to.match(message);
        expect(error.ranks).to.deep.equal(ranks);
      }
    });
  }

  it("tell one that comes beyond the last rank that there is no room", async () => {
    const store = new MemoryStore();
    const late = rejected(greet(store, { rank: 2, worldSize: 3 }));
    await Promise.all([greet(store, { rank: 0 }), greet(store, { rank: 1 })]);
    expect((await late).message).to.match(/rank 2 was told that there are 3 processes/);
  });

  it("name the ranks that do not come", async () => {
    const store = new MemoryStore();
    const [first, other] = await Promise.all([
      rejected(greet(store, { rank: 0, worldSize: 4, timeoutSeconds: 0.1 })),
      rejected(greet(store, { rank: 2, worldSize: 4, timeoutSeconds: 5 })),
    ]);
    expect(first.message).to.match(/ranks 1 and 3 of 4 did not come within 0\.1 seconds/);
    expect(other.message).to.equal(first.message);
    expect(other.ranks).to.deep.equal([1, 3]);
  });
});

describe("what ranks agree on", () => {
  function settle(...facts: Record<string, unknown>[]): Promise<PromiseSettledResult<void>[]> {
    const store = new MemoryStore();
    return Promise.allSettled(
      facts.map((own, rank) => agree(talkOf(store, { rank, worldSize: facts.length }), "recipe", own)),
    );
  }

  it("is the same for all, and no error", async () => {
    const recipe = { epochs: 3, loss: { alpha: 1.5 } };
    for (const { status } of await settle(recipe, recipe, recipe)) expect(status).to.equal("fulfilled");
  });

  it("is named where it differs, on all of them", async () => {
    const results = await settle({ loss: { alpha: 1.5 } }, { loss: { alpha: 1.5 } }, { loss: { alpha: 2 } });
    for (const result of results) {
      expect(result.status).to.equal("rejected");
      const reason: unknown = (result as PromiseRejectedResult).reason;
      expect(reason).to.include({ code: "ERR_DISTRIBUTED" });
      expect((reason as Error).message).to.match(
        /rank 2 has another recipe than rank 0: loss\.alpha is 2 there, and 1\.5 on rank 0/,
      );
    }
  });

  it("may be asked again, of what they have by then", async () => {
    const store = new MemoryStore();
    const talks = [0, 1].map((rank) => talkOf(store, { rank }));
    await Promise.all(talks.map((talk) => agree(talk, "recipe", { epochs: 3 })));
    const again = await Promise.allSettled(
      talks.map((talk, rank) => agree(talk, "recipe", { epochs: rank })),
    );
    expect(again.map(({ status }) => status)).to.deep.equal(["rejected", "rejected"]);
  });

  it("includes what one of them lacks", async () => {
    const [result] = await settle({ ema: 0.9 }, {});
    expect(String((result as PromiseRejectedResult).reason)).to.match(
      /ema is absent there, and 0\.9 on rank 0/,
    );
  });
});

describe("a rank that is lost", () => {
  it("is the one that does not answer", async () => {
    const store = new MemoryStore();
    const talks = [0, 1, 3].map((rank) => talkOf(store, { rank, worldSize: 4 }));
    const cause = new Error("Connection closed by peer");
    for (const error of await Promise.all(talks.map((talk) => talk.lost(cause)))) {
      expect(error).to.include({ code: "ERR_DISTRIBUTED", cause });
      expect(error.ranks).to.deep.equal([2]);
      expect(error.message).to.match(/the connection to rank 2 was lost/);
    }
  });

  it("is not one that sees it late, as it computes for longer than the others", async () => {
    const store = new MemoryStore();
    const [zero, late] = [0, 2].map((rank) => talkOf(store, { rank, worldSize: 3 }));
    const cause = new Error("closed");
    let asked = 0;
    const seen: Promise<McLossError>[] = [];
    store.onHas = (key) => {
      // Every 50 ms: after more than the 400 ms for which the others are awaited.
      if (key.endsWith("lost/2") && ++asked === 16) seen.push(late!.lost(cause));
    };
    seen.push(zero!.lost(cause));
    const first = await seen[0]!;
    for (const error of [first, await seen[1]!]) expect(error.ranks).to.deep.equal([1]);
  });

  it("is rank 0 where the store is gone", async () => {
    const store = new MemoryStore();
    store.gone = true;
    const error = await talkOf(store, { rank: 1 }).lost(new Error("closed"));
    expect(error.ranks).to.deep.equal([0]);
  });

  it("has said why, where it could", async () => {
    const store = new MemoryStore();
    const [zero, one] = [0, 1].map((rank) => talkOf(store, { rank }));
    const own = new RangeError("no such image");
    expect(await one!.fail(own)).to.equal(own);
    const error = await zero!.lost(new Error("closed"));
    expect(error.message).to.equal("rank 1 failed: no such image");
    expect(error.ranks).to.deep.equal([1]);
  });
});
