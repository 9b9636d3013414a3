import { expect } from "chai";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import ts from "typescript";
import { ImageFolder, saveModel, smallResNet } from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import { projectFolder, ROOT, TSX } from "../support/docs.js";
import { fixturePath } from "../support/fixtures.js";
import { writeColorFolder } from "../support/images.js";
import { minimum } from "#lib/extremes.js";

const project = projectFolder();
const folder = () => project.path();

const example = (name: string): string => join(ROOT, "examples", name);

function start(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, ["--import", TSX, file, ...args], {
    cwd: folder(),
    env: { ...process.env, ...env },
  });
}

async function run(file: string, ...args: string[]): Promise<string[]> {
  return ended(start(file, args));
}

async function ended(child: ChildProcess): Promise<string[]> {
  const [stdout, stderr] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, "close"),
  ]);
  expect(child.exitCode, stdout + stderr).to.equal(0);
  return stdout.trim().split("\n");
}

/** Epochs from 1 to 5, and a loss that falls, though not in every one of so few. */
function expectTraining(lines: readonly string[]): void {
  expect(lines.map((line) => line.split(" ")[0])).to.deep.equal(["1", "2", "3", "4", "5"]);
  const losses = lines.map((line) => Number(line.split(" ")[1]));
  expect(minimum(losses.slice(1))).to.be.below(losses[0]!);
}

describe("examples/", () => {
  let photos: string;

  before(async () => {
    photos = await writeColorFolder(join(folder(), "photos", "train"));
  });

  it("trainer.ts trains with a Trainer and tells every epoch", async () => {
    const lines = await run(example("trainer.ts"), photos, photos);
    expect(lines).to.have.length(10);
    expect(lines.at(-1)).to.match(/^10 \d+\.\d+ (0\.\d+|1)$/);
  });

  it("loss.ts prints the three terms and the gradient's shape", async () => {
    const [line] = await run(example("loss.ts"));
    expect(line).to.match(/^\d+\.\d+ \d+\.\d+ 0\.\d+ \[ 4, 18, 7, 7 \]$/);
  });

  it("custom-loop.ts trains with the loss in a loop of its own", async () => {
    expectTraining(await run(example("custom-loop.ts"), photos));
  });

  it("distributed.ts trains in a loop of its own on two processes", async () => {
    const ranks = [0, 1].map((rank) => {
      const env = { RANK: String(rank), WORLD_SIZE: "2", MCLOSS_STORE: join(folder(), "store") };
      return ended(start(example("distributed.ts"), [photos], env));
    });
    const [first, second] = await Promise.all(ranks);
    expectTraining(first!);
    expect(second).to.deep.equal([""]);
  });

  it("own-backbone.ts trains a TorchScript module with a head of its own", async () => {
    await copyFile(fixturePath("small.pt"), join(folder(), "small.pt"));
    expectTraining(await run(example("own-backbone.ts")));
    expect(await readdir(join(folder(), "runs", "own-backbone", "checkpoints"))).to.include(
      "last.safetensors",
    );
  });

  it("worker.ts trains in a worker thread and tells the main thread of it", async () => {
    // As JavaScript: Node 20 hands tsx's loader on to no worker.
    const source = await readFile(example("worker.ts"), "utf8");
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    });
    await writeFile(join(folder(), "worker.mjs"), outputText);
    const lines = await run("worker.mjs", photos);
    expectTraining(lines.filter((line) => !line.startsWith("wrote")));
    expect(lines).to.include(`wrote ${join("runs", "worker", "checkpoints", "last.safetensors")}`);
  });

  describe("server.ts", () => {
    let child: ChildProcess;
    let url: string;
    let image: Uint8Array<ArrayBuffer>;

    before(async () => {
      const { classes } = await ImageFolder.open(photos);
      const info = { classNames: classes, transforms: [resize(32), normalize()] };
      await saveModel(
        smallResNet({ classes: 3, inputSize: 32, width: 16, info }),
        join(folder(), "served.safetensors"),
      );
      image = new Uint8Array(await readFile(join(photos, "red", "0.png")));
      child = start(example("server.ts"), ["served.safetensors", "0"]);
      const [line] = (await once(child.stdout!.setEncoding("utf8"), "data")) as [string];
      url = /http:\S+/.exec(line)![0];
    });

    after(() => child.kill("SIGKILL"));

    async function post(
      body: Uint8Array<ArrayBuffer>,
      query = "",
    ): Promise<{ status: number; json: unknown }> {
      const headers = { "content-type": "image/png" };
      const response = await fetch(`${url}/predict${query}`, { method: "POST", body, headers });
      return { status: response.status, json: await response.json() };
    }

    it("answers concurrent requests, good and bad ones, each by itself", async () => {
      const bad = image.subarray(0, 60);
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, i) => post(i % 10 === 7 ? bad : image, "?top=2")),
      );
      answers.forEach(({ status, json }, i) => {
        expect(status).to.equal(i % 10 === 7 ? 422 : 200);
        if (i % 10 === 7)
          expect(json)
            .to.have.property("error")
            .that.matches(/cannot decode an image/);
        else expect(json).to.have.property("top").that.has.length(2);
      });
      expect((await post(image, "?top=none")).status).to.equal(400);
    });

    it("answers what is under way before it leaves at SIGTERM", async () => {
      const closed = once(child, "close");
      const underWay = Promise.all(Array.from({ length: 8 }, () => post(image)));
      await post(image);
      child.kill("SIGTERM");
      for (const { status } of await underWay) expect(status).to.equal(200);
      expect(await closed).to.deep.equal([0, null]);
    });
  });
});
