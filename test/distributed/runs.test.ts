import { expect } from "chai";
import { cp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { loadModel, type TrainerOptions } from "mutual-channel-loss";
import type { RunInfo } from "mutual-channel-loss/train";
import { initProcessGroup } from "#lib/distributed/init-process-group.js";
import { write } from "../support/image-files.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { answersOfRanks, runRanks } from "../support/ranks.js";
import { judge, runs, type endsEarly, type Order, type Seen } from "./run-ranks.js";

const RANKS = new URL("run-ranks.js", import.meta.url).href;

/** All that a run can have of its own beside the weights. */
const OPTIONS: Record<string, TrainerOptions> = {
  full: {
    epochs: 3,
    loss: { alpha: 1.5, beta: 2, center: { weight: 0.01 } },
    optimizer: { type: "adamw", learningRate: 0.01 },
    schedule: { type: "plateau", patience: 0 },
    ema: 0.9,
    clipNorm: 5,
    accumulate: 2,
    unfreeze: [
      { epoch: 0, pattern: "classifier.*" },
      { epoch: 1, pattern: "*" },
    ],
    checkReplicas: true,
  },
  half: {
    epochs: 2,
    loss: { alpha: 1.5, beta: 2, perSample: true },
    optimizer: { type: "sgd", learningRate: 0.01 },
    precision: "float16",
    monitor: "balancedAccuracy",
    syncBatchNorm: true,
    gradientCompression: "bfloat16",
    checkReplicas: true,
  },
};

const folder = temporaryFolder();
let images: string;

before(async () => {
  images = await writeColorFolder(join(folder(), "colors"), 12);
});

const output = (world: number, kind: string, name: string) => join(folder(), `${world}-${kind}-${name}`);

function ordersOf(world: number): Order[] {
  return Object.entries(OPTIONS).flatMap(([kind, options]) => {
    const order: Omit<Order, "output"> = {
      ...{ images, options },
      sampler: kind === "half" ? "classBalanced" : undefined,
    };
    const whole = { ...order, output: output(world, kind, "whole") };
    const ended = { ...order, output: output(world, kind, "ended") };
    return [whole, { ...ended, stopAfter: kind === "full" ? 4 : 1, stopRank: 1 }, { ...ended, resume: true }];
  });
}

async function filesOf(run: string): Promise<Buffer[]> {
  return Promise.all(
    ["best", "last"].map((kind) => readFile(join(run, "checkpoints", `${kind}.safetensors`))),
  );
}

for (const world of [2, 3]) {
  describe(`a run of ${world} processes`, () => {
    let seen: Seen[][];

    before(async () => {
      seen = await runRanks<Seen[]>(world, RANKS, "runs", ordersOf(world));
    });

    it("ends on all after the same step when one is told to, after a whole update, with a checkpoint", () => {
      for (const rank of seen) {
        expect(rank.map(({ steps }) => steps)).to.deep.equal([9, 5, 4, 6, 2, 4]);
        expect(rank.map(({ error }) => error?.code)).to.deep.equal([
          undefined,
          "ERR_ABORTED",
          undefined,
          undefined,
          "ERR_ABORTED",
          undefined,
        ]);
      }
    });

    it("goes on exactly, with masks, dropout, averages, centers, scaler, plateau and unfreezing", async () => {
      for (const kind of Object.keys(OPTIONS)) {
        const [whole, ended] = await Promise.all([
          filesOf(output(world, kind, "whole")),
          filesOf(output(world, kind, "ended")),
        ]);
        whole.forEach((file, i) => expect(file.equals(ended[i]!), `${kind} ${i}`).to.equal(true));
      }
    });

    it("tells the same figures on all processes", () => {
      for (const rank of seen) {
        expect(rank.map(({ epochs }) => epochs)).to.deep.equal(seen[0]?.map(({ epochs }) => epochs));
        expect(rank.flatMap(({ notices }) => notices)).to.deep.equal([]);
        const [whole, ended, resumed] = rank;
        expect([...ended!.epochs, ...resumed!.epochs]).to.deep.equal(whole?.epochs);
      }
    });

    it("judges every image once, and says of how many processes it is", async () => {
      const run = output(world, "full", "whole");
      const lines = (await readFile(join(run, "metrics.jsonl"), "utf8")).trim().split("\n");
      for (const line of lines) {
        expect((JSON.parse(line) as { validation: { images: number } }).validation.images).to.equal(36);
      }
      const info = JSON.parse(await readFile(join(run, "run.json"), "utf8")) as RunInfo;
      expect(info.distributed).to.deep.equal({ worldSize: world, backend: "gloo" });
      expect(info.loaders?.train).to.deep.include({ batchSize: 12, sampler: { type: "shuffle" } });
    });

    it("goes on with other numbers of processes, and says that it is not the same", async () => {
      for (const next of [1, world === 2 ? 3 : 2]) {
        const moved = join(folder(), `${world}-to-${next}`);
        await cp(output(world, "full", "ended"), moved, { recursive: true });
        const options = { ...OPTIONS["full"], epochs: 4 };
        const order = { images, options: next === 1 ? { ...options, checkReplicas: undefined } : options };
        const orders = [{ ...order, output: moved, resume: true }];
        const [rank] =
          next === 1
            ? [await runs(await initProcessGroup({ rank: 0, worldSize: 1 }), orders)]
            : await runRanks<Seen[]>(next, RANKS, "runs", orders);
        expect(rank?.[0]?.error).to.equal(undefined);
        expect(rank?.[0]?.notices.join()).to.match(
          new RegExp(`trained by ${world} processes and goes on with ${next}`),
        );
        expect(rank?.[0]?.epochs).to.have.length(1);
      }
    });
  });
}

describe("an evaluation of several processes", () => {
  it("has the figures of one, whether each has a part or all of the images, of unequal classes too", async () => {
    await using group = await initProcessGroup({ rank: 0, worldSize: 1 });
    const unequal = join(folder(), "unequal");
    await cp(images, unequal, { recursive: true });
    const few = join(unequal, "red");
    for (const name of (await readdir(few)).slice(2)) await rm(join(few, name));
    const alone = await judge(group, { images: unequal, share: false });
    expect(alone.evaluation.balancedAccuracy).not.to.equal(alone.evaluation.accuracy);
    for (const share of [true, false]) {
      const results = await runRanks<typeof alone>(3, RANKS, "judge", { images: unequal, share });
      for (const { evaluation, channels } of results) {
        const { loss, crossEntropy, discriminality, diversity, ...counted } = evaluation;
        const {
          loss: expected,
          crossEntropy: ce,
          discriminality: dis,
          diversity: div,
          ...counts
        } = alone.evaluation;
        expect(counted).to.deep.equal(counts);
        expect(counted).to.include.keys("balancedAccuracy", "macroF1");
        expect(evaluation.images).to.equal(26);
        expect(loss).to.be.closeTo(expected, 1e-6);
        expect([crossEntropy, discriminality, diversity]).to.have.length([ce, dis, div].length);
        expect(channels.diversity).to.be.closeTo(alone.channels.diversity, 1e-6);
        expect(channels.dead).to.equal(alone.channels.dead);
        expect(channels.habit).to.be.closeTo(alone.channels.habit, 1e-9);
      }
    }
  });

  it("finds the same rate, ends early after the same epoch, and leaves the best checkpoint's weights on all", async () => {
    const output = join(folder(), "early");
    const results = await runRanks<Awaited<ReturnType<typeof endsEarly>>>(2, RANKS, "endsEarly", {
      images,
      output,
    });
    const [first, second] = results;
    expect(second).to.deep.equal(first);
    expect(first).to.include({ stoppedEarly: true });
    expect(first!.epochs).to.equal(first!.best!.epoch + 2);
    const best = await loadModel(join(output, "checkpoints", "best.safetensors"));
    const bias = best.state().findLast(({ name }) => name.endsWith("bias"))!.tensor;
    expect(first!.bias).to.deep.equal(Array.from((await bias.data()) as Float32Array));
  });

  it("and their training refuse a loader that has another part than the process's", async () => {
    const messages = await runRanks<string[]>(2, RANKS, "refused", images);
    expect(messages[1]).to.deep.equal([
      "train needs the sampler samplers.distributed(1, 2), so that each process trains on its part",
      "loader must have the sampler samplers.shard(1, 2), or one that is not of processes",
    ]);
  });

  it("says on all what rank 0 cannot do", async () => {
    const file = await write(join(folder(), "file"), "");
    const orders: Order[] = [{ images, output: join(file, "run"), options: { epochs: 1 } }];
    const answers = await answersOfRanks(2, RANKS, "runs", orders);
    for (const answer of answers) {
      const [seen] = (answer as { result: Seen[] }).result;
      expect(seen?.error?.code).to.equal("ERR_IO");
      expect(seen?.error?.message).to.match(/cannot write to the output folder .*file/);
    }
  });
});
