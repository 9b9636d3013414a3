import { expect } from "chai";
import { once } from "node:events";
import { access, copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { mclossIn, startMcloss } from "../support/mcloss.js";

const folder = temporaryFolder();

const mcloss = (...args: string[]) => mclossIn(folder(), ...args);
const start = (...args: string[]) => startMcloss(folder(), ...args);

const QUICK = ["--epochs", "2", "--batch-size", "8", "--image-size", "32"];

describe("mcloss", () => {
  it("shows its commands, and examples for each", async () => {
    const { code, stdout } = await mcloss("--help");
    expect(code).to.equal(0);
    const commands = [
      "demo",
      "data",
      "train",
      "recipes",
      "weights",
      "eval",
      "predict",
      "export",
      "report",
      "visualize",
      "setup",
      "doctor",
    ];
    for (const command of commands) {
      expect(stdout).to.match(new RegExp(`^ {2}${command} `, "m"));
      expect((await mcloss(command, "--help")).stdout).to.match(/Examples?:\n {2}mcloss/);
    }
  });

  it("exits with 2 for wrong usage, and suggests what was meant", async () => {
    const command = await mcloss("trian");
    expect(command.code).to.equal(2);
    expect(command.stderr).to.match(/Did you mean train\?/);
    const option = await mcloss("train", "x", "--epoch", "3");
    expect(option.code).to.equal(2);
    expect(option.stderr).to.match(/Did you mean --epochs\?/);
    expect((await mcloss("train", "x", "--epochs", "many")).stderr).to.match(/positive integer/);
    expect((await mcloss("train")).code).to.equal(2);
  });

  it("ends without a word where its reader has seen enough", async () => {
    const child = start("recipes");
    child.stdout.destroy();
    const [stderr] = await Promise.all([text(child.stderr), once(child, "close")]);
    expect(stderr).to.equal("");
    expect(child.exitCode).to.equal(0);
  });

  it("exits with 1 and one line that names the file when something fails", async () => {
    const { code, stderr } = await mcloss("train", "missing");
    expect(code).to.equal(1);
    expect(stderr).to.equal("mcloss: cannot read the folder missing: check the path and its permissions\n");
    expect((await mcloss("predict", "none.safetensors", "x.png")).stderr).to.match(
      /cannot open the checkpoint none/,
    );
  });
});

describe("mcloss train, eval and predict", () => {
  before(async () => {
    await writeColorFolder(join(folder(), "photos", "train"));
    await writeColorFolder(join(folder(), "photos", "val"), 3);
  });

  it("go from a folder of images to predictions", async () => {
    const trained = await mcloss("train", "photos", ...QUICK, "--out", "run");
    expect(trained.code, trained.stderr).to.equal(0);
    expect(trained.stderr).to.match(/24 images of 3 classes/);
    expect(trained.stderr).to.match(
      /epoch 2\/2 · CE \d.* · L_dis \d.* · L_div \d.* · held-out \d.* · training \d.* images\/s/,
    );
    const score = String.raw`\d+\.\d\d % +epoch [12]`;
    expect(trained.stdout).to.match(
      new RegExp(
        `^accuracy +best +last\nheld-out images +${score} +${score}\ntraining images +${score} +${score}\n\n` +
          "run +run\nbest checkpoint +run/checkpoints/best.safetensors\n" +
          "last checkpoint +run/checkpoints/last.safetensors\ntime +\\d+ s\n" +
          "next +mcloss report run --images photos\n$",
      ),
    );
    expect(await readdir(join(folder(), "run", "checkpoints"))).to.include.members([
      "last.safetensors",
      "best.safetensors",
    ]);

    const evaluated = await mcloss("eval", "run", "photos/val");
    expect(evaluated.stdout).to.match(/^images +9\naccuracy +\d+\.\d\d %\n/);

    const predicted = await mcloss(
      "predict",
      "run/checkpoints/last.safetensors",
      "photos/val/red/0.png",
      "--json",
    );
    const [prediction] = JSON.parse(predicted.stdout) as [
      { path: string; top: { name: string; probability: number }[] },
    ];
    expect(prediction.path).to.equal("photos/val/red/0.png");
    expect(prediction.top.map(({ name }) => name).sort()).to.deep.equal(["blue", "green", "red"]);
    expect(prediction.top.reduce((sum, { probability }) => sum + probability, 0)).to.be.closeTo(1, 1e-5);
  });

  it("replace a run only with --overwrite", async () => {
    const again = ["train", "photos", ...QUICK, "--out", "run"];
    const { code, stderr } = await mcloss(...again);
    expect(code).to.equal(1);
    expect(stderr).to.equal(
      "mcloss: the output folder run holds a run already: go on with it (--resume run), choose another folder, " +
        "or delete it (--overwrite)\n",
    );
    expect((await mcloss(...again, "--overwrite")).code).to.equal(0);
  });

  it("take --device, and name one that there is not", async () => {
    const missing = ["--device", "cuda:99"];
    const text = /^mcloss: (--)?device cannot be cuda:99: LibTorch sees no such GPU/m;
    for (const command of [
      ["train", "photos", ...QUICK, "--out", "none", ...missing],
      ["eval", "run", "photos/val", ...missing],
      ["predict", "run", "photos/val/red/0.png", ...missing],
    ]) {
      const { code, stderr } = await mcloss(...command);
      expect(code).to.equal(1);
      expect(stderr).to.match(text);
    }
    expect((await mcloss("eval", "run", "photos/val", "--device", "cpu")).code).to.equal(0);
  });

  it("print JSON for machines, and nothing else on stdout", async () => {
    const { stdout } = await mcloss(
      "train",
      "photos",
      ...QUICK,
      "--out",
      "json-run",
      "--json",
      "--loss",
      "ce",
    );
    const lines = stdout.trim().split("\n");
    const [first, second, result] = lines.map((line) => JSON.parse(line) as object);
    expect(lines).to.have.length(3);
    expect(first).to.include({ format: 1, type: "epoch", epoch: 1, epochs: 2 });
    expect(second).to.include({ type: "epoch", epoch: 2 });
    const checkpoint = join("json-run", "checkpoints", "last.safetensors");
    expect(result).to.include({ format: 1, type: "result", epoch: 2, checkpoint, run: "json-run" });
    const { accuracies } = result as { accuracies: { heldOut: { last: object } } };
    expect(accuracies).to.have.all.keys("training", "heldOut");
    expect(accuracies.heldOut.last).to.include({ epoch: 2 });
  });

  it("say why there are no CUDA graphs, in a line or as JSON", async () => {
    const graph = [...QUICK, "--out", "graph-run", "--cuda-graph", "--device", "cpu"];
    const plain = await mcloss("train", "photos", ...graph);
    expect(plain.code, plain.stderr).to.equal(0);
    expect(plain.stderr.match(/^--cuda-graph has no effect: the model is on the CPU\b.*$/gm)).to.have.length(
      1,
    );
    const json = await mcloss("train", "photos", ...graph, "--overwrite", "--json");
    const lines = json.stdout.trim().split("\n");
    const [notice, ...others] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(notice).to.include({ format: 1, type: "notice", option: "cudaGraph" });
    expect(notice!["reason"]).to.match(/^the model is on the CPU/);
    expect(others.map(({ type }) => type)).to.deep.equal(["epoch", "epoch", "result"]);
    expect(json.stderr).not.to.contain("cudaGraph");
    const info = JSON.parse(await readFile(join(folder(), "graph-run", "run.json"), "utf8")) as object;
    expect(info).to.have.nested.property("about.recipe.cudaGraph", true);
    expect(info).to.have.nested.property("options.cudaGraph", true);
  });

  it("stop at a bad image, or skip and report it", async () => {
    await writeColorFolder(join(folder(), "broken"), 5);
    const bad = join("broken", "blue", "2.png");
    await writeFile(join(folder(), bad), "not an image");
    const stopped = await mcloss("train", "broken", ...QUICK, "--out", "broken-run");
    expect(stopped.code).to.equal(1);
    expect(stopped.stderr).to.contain(bad);
    const skipped = await mcloss(
      "train",
      "broken",
      ...QUICK,
      "--out",
      "skipped-run",
      "--on-bad-image",
      "skip",
    );
    expect(skipped.code, skipped.stderr).to.equal(0);
    expect(skipped.stderr).to.contain(`skipped ${bad}: `);
  });

  it("refuse a class without images, an unknown class and an unwritable folder", async () => {
    await mkdir(join(folder(), "hollow", "cat"), { recursive: true });
    expect((await mcloss("train", "hollow")).stderr).to.match(/hollow\/cat: has no image/);
    await mkdir(join(folder(), "other", "violet"), { recursive: true });
    await copyFile(join(folder(), "photos/val/red/0.png"), join(folder(), "other/violet/0.png"));
    const unknown = await mcloss("eval", "run", "other");
    expect(unknown.stderr).to.match(/other\/violet: is a class that the model does not know/);
    await writeFile(join(folder(), "file"), "");
    const unwritable = await mcloss("train", "photos", ...QUICK, "--out", "file/run");
    expect(unwritable).to.include({ code: 1 });
    expect(unwritable.stderr).to.match(/cannot write to the output folder file\/run/);
  });

  it("save and exit with 130 on Ctrl-C", async () => {
    const child = start(
      "train",
      "photos",
      "--epochs",
      "100000",
      "--batch-size",
      "8",
      "--image-size",
      "32",
      "--out",
      "stopped",
    );
    const stdout = text(child.stdout);
    let stderr = "";
    for await (const chunk of child.stderr) {
      const hadTwo = stderr.includes("epoch 2/");
      stderr += String(chunk);
      // Once: the second would end it at once.
      if (!hadTwo && stderr.includes("epoch 2/")) child.kill("SIGINT");
    }
    if (child.exitCode === null) await once(child, "exit");
    expect(child.exitCode, stderr).to.equal(130);
    expect(stderr).to.match(
      /interrupted in epoch \d+; the run can go on from stopped\/checkpoints\/last\.safetensors/,
    );
    expect(await stdout).to.equal("");
    await access(join(folder(), "stopped", "checkpoints", "last.safetensors"));
    expect((await mcloss("eval", "stopped", "photos/val")).code).to.equal(0);
  });
});

describe("mcloss doctor", () => {
  it("finds this build in order", async () => {
    const { code, stdout } = await mcloss("doctor", "--json");
    const diagnosis = JSON.parse(stdout) as {
      problems: unknown[];
      addons: { problem: string | null; jpeg: string | null }[];
      cuda: object;
    };
    expect(diagnosis.problems).to.deep.equal([]);
    expect(diagnosis.addons.every(({ problem }) => problem === null)).to.equal(true);
    expect(diagnosis.addons[0]?.jpeg).to.be.oneOf(["libjpeg", "sharp"]);
    expect(diagnosis.cuda).to.have.property("reason").that.is.a("string");
    expect(code).to.equal(0);
  });
});
