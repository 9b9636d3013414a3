import { expect } from "chai";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { temporaryFolder, writeColorFolder } from "../support/images.js";

const MCLOSS = fileURLToPath(new URL("../../bin/mcloss.js", import.meta.url));
const folder = temporaryFolder();

function start(...args: string[]) {
  return spawn(process.execPath, [MCLOSS, ...args], { cwd: folder() });
}

async function mcloss(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = start(...args);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code: child.exitCode ?? -1, stdout, stderr };
}

const QUICK = ["--epochs", "2", "--batch-size", "8", "--image-size", "32"];

describe("mcloss", () => {
  it("shows its commands, and examples for each", async () => {
    const { code, stdout } = await mcloss("--help");
    expect(code).to.equal(0);
    for (const command of ["demo", "train", "eval", "predict", "setup", "doctor"]) {
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

  it("exits with 1 and one line that names the file when something fails", async () => {
    const { code, stderr } = await mcloss("train", "missing");
    expect(code).to.equal(1);
    expect(stderr).to.equal(
      "mcloss: cannot read the image folder missing: check the path and its permissions\n",
    );
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
      /epoch 2\/2 · CE \d.* · L_dis \d.* · L_div \d.* · held-out \d.* images\/s/,
    );
    expect(await readdir(join(folder(), "run"))).to.include.members(["last.safetensors", "best.safetensors"]);

    const evaluated = await mcloss("eval", "run/last.safetensors", "photos/val");
    expect(evaluated.stdout).to.match(/^images +9\naccuracy +\d+\.\d\d %\n/);

    const predicted = await mcloss("predict", "run/last.safetensors", "photos/val/red/0.png", "--json");
    const [prediction] = JSON.parse(predicted.stdout) as [
      { path: string; top: { name: string; probability: number }[] },
    ];
    expect(prediction.path).to.equal("photos/val/red/0.png");
    expect(prediction.top.map(({ name }) => name).sort()).to.deep.equal(["blue", "green", "red"]);
    expect(prediction.top.reduce((sum, { probability }) => sum + probability, 0)).to.be.closeTo(1, 1e-5);
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
    const [first] = stdout.split("\n") as [string];
    expect(JSON.parse(first)).to.include({ type: "epoch", epoch: 1, epochs: 2 });
    const result = JSON.parse(stdout.slice(stdout.indexOf("{\n"))) as { checkpoint: string };
    expect(result.checkpoint).to.equal(join("json-run", "last.safetensors"));
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
    expect((await mcloss("train", "hollow")).stderr).to.match(/hollow\/cat has no image/);
    await mkdir(join(folder(), "other", "violet"), { recursive: true });
    await copyFile(join(folder(), "photos/val/red/0.png"), join(folder(), "other/violet/0.png"));
    const unknown = await mcloss("eval", "run/last.safetensors", "other");
    expect(unknown.stderr).to.match(/other\/violet is a class that the model does not know/);
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
      "1000",
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
      stderr += String(chunk);
      if (stderr.includes("epoch 2/") && !stderr.includes("stopping")) child.kill("SIGINT");
    }
    if (child.exitCode === null) await once(child, "exit");
    expect(child.exitCode, stderr).to.equal(130);
    expect(stderr).to.match(/interrupted in epoch \d+; the model is in stopped\/last\.safetensors/);
    expect(await stdout).to.equal("");
    await access(join(folder(), "stopped", "last.safetensors"));
    expect((await mcloss("eval", "stopped/last.safetensors", "photos/val")).code).to.equal(0);
  });
});

describe("mcloss doctor", () => {
  it("finds this build in order", async () => {
    const { code, stdout } = await mcloss("doctor", "--json");
    const diagnosis = JSON.parse(stdout) as {
      problems: unknown[];
      addons: { problem: string | null }[];
      cuda: object;
    };
    expect(diagnosis.problems).to.deep.equal([]);
    expect(diagnosis.addons.every(({ problem }) => problem === null)).to.equal(true);
    expect(diagnosis.cuda).to.have.property("reason").that.is.a("string");
    expect(code).to.equal(0);
  });
});
