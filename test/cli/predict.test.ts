import { expect } from "chai";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { loadModel, saveModel, smallResNet } from "mutual-channel-loss";
import { centerCrop, normalize, resize } from "mutual-channel-loss/data";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { mclossIn, startMcloss } from "../support/mcloss.js";

const MODEL = "model.safetensors";
const folder = temporaryFolder();

interface Line {
  path: string;
  top?: { name: string; probability: number }[];
  error?: string;
}

const mcloss = (...args: string[]) => mclossIn(folder(), ...args);
const start = (...args: string[]) => startMcloss(folder(), ...args);

const namesOf = (stdout: string): string[] => (JSON.parse(stdout) as Line[]).map(({ path }) => path);

before(async () => {
  await writeColorFolder(join(folder(), "photos"), 2);
  await writeFile(join(folder(), "photos", "notes.txt"), "no image");
  await writeFile(join(folder(), "broken.png"), "not an image");
  await mkdir(join(folder(), "empty"));
  const info = {
    classNames: ["blue", "green", "red"],
    transforms: [resize({ height: 36, width: 36 }), centerCrop(32), normalize()],
  };
  await saveModel(
    smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 16, info }),
    join(folder(), MODEL),
  );
});

const PHOTOS = ["blue", "green", "red"].flatMap((name) =>
  [0, 1].map((i) => join("photos", name, `${i}.png`)),
);

describe("mcloss predict", () => {
  it("takes files and folders, whose images it finds at any depth, and shows the best classes of each", async () => {
    const { code, stdout, stderr } = await mcloss(
      "predict",
      MODEL,
      PHOTOS[4]!,
      "photos",
      "--top",
      "2",
      "--batch-size",
      "4",
    );
    expect(code, stderr).to.equal(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.filter((_, i) => i % 2 === 0).map((line) => line.split(" ")[0])).to.deep.equal([
      PHOTOS[4],
      ...PHOTOS,
    ]);
    for (const line of lines) expect(line).to.match(/ (blue|green|red) +\d+\.\d\d %$/);
    const json = await mcloss("predict", MODEL, "photos", "--json");
    expect(namesOf(json.stdout)).to.deep.equal(PHOTOS);
  });

  it("goes on after a bad image, with a line for it and exit code 1; or stops there", async () => {
    const files = [PHOTOS[0]!, "broken.png", "missing.png", PHOTOS[1]!];
    const { code, stdout, stderr } = await mcloss("predict", MODEL, ...files, "--json");
    expect(code).to.equal(1);
    expect(stderr).to.match(/^skipped broken\.png: .+\nskipped missing\.png: no such file or directory\n$/);
    const lines = JSON.parse(stdout) as Line[];
    expect(namesOf(stdout)).to.deep.equal(files);
    expect(lines.map(({ error }) => error === undefined)).to.deep.equal([true, false, false, true]);

    const stopped = await mcloss("predict", MODEL, ...files, "--json", "--on-bad-image", "error");
    expect(stopped.code).to.equal(1);
    expect(stopped.stderr).to.match(/^mcloss: cannot decode the image broken\.png/);
    expect(namesOf(stopped.stdout)).to.deep.equal([PHOTOS[0]]);
  });

  it("answers each path on standard input as it comes, as JSON Lines", async () => {
    const child = start("predict", MODEL, PHOTOS[0]!, "-", "--json");
    const output = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async () => JSON.parse(((await output.next()) as { value: string }).value) as Line;
    expect((await next()).path).to.equal(PHOTOS[0]);
    for (const path of PHOTOS.slice(1, 3)) {
      child.stdin.write(`${path}\r\n\n`);
      expect((await next()).path).to.equal(path);
    }
    child.stdin.end("broken.png");
    expect(await next())
      .to.have.property("error")
      .that.is.a("string");
    await once(child, "close");
    expect(child.exitCode).to.equal(1);
  });

  it("leaves a list that goes on when it is interrupted, or stops at a bad image", async () => {
    const interrupted = start("predict", MODEL, PHOTOS[0]!, "--stdin", "--json");
    await once(interrupted.stdout, "data");
    interrupted.kill("SIGINT");
    expect(await once(interrupted, "close")).to.deep.equal([130, null]);
    const stopped = start("predict", MODEL, "--stdin", "--on-bad-image", "error");
    stopped.stdin.write("broken.png\n");
    expect(await once(stopped, "close")).to.deep.equal([1, null]);
  });

  it("averages ten crops, in predict and in eval", async () => {
    await writeColorFolder(join(folder(), "one"), 1);
    const { code, stdout, stderr } = await mcloss("eval", MODEL, "one", "--ten-crop", "--json");
    expect(code, stderr).to.equal(0);
    const { crossEntropy } = JSON.parse(stdout) as { crossEntropy: number };
    const tops = await mcloss("predict", MODEL, "one", "--ten-crop", "--json");
    const losses = (JSON.parse(tops.stdout) as Line[]).map(({ path, top: scores }) => {
      const label = path.split("/").at(-2);
      return -Math.log(scores!.find(({ name }) => name === label)!.probability);
    });
    using model = await loadModel(join(folder(), MODEL));
    const [single] = await model.predict([join(folder(), "one", "blue", "0.png")]);
    expect((JSON.parse(tops.stdout) as [Line])[0].top).to.not.deep.equal(single!.top);
    expect(crossEntropy).to.be.closeTo(losses.reduce((sum, loss) => sum + loss, 0) / losses.length, 1e-5);
  });

  it("exits with 2 without images, and with 1 for a folder that has none", async () => {
    expect(await mcloss("predict", MODEL)).to.deep.include({ code: 2, stdout: "" });
    const { code, stderr } = await mcloss("predict", MODEL, "empty");
    expect(code).to.equal(1);
    expect(stderr).to.equal("mcloss: the folder empty has no images\n");
  });
});

describe("mcloss export", () => {
  it("writes ONNX, and a checkpoint without what training keeps", async () => {
    const onnx = await mcloss("export", MODEL, "--out", "model.onnx");
    expect(onnx, onnx.stderr).to.deep.equal({ code: 0, stdout: "", stderr: "wrote model.onnx\n" });
    expect((await readFile(join(folder(), "model.onnx"))).subarray(0, 40).toString("latin1")).to.include(
      "mutual-channel-loss",
    );
    expect(
      (await mcloss("export", MODEL, "--format", "safetensors", "--out", "bare.safetensors")).code,
    ).to.equal(0);
    const [exported, original] = await Promise.all(
      ["bare.safetensors", MODEL].map((name) => loadModel(join(folder(), name))),
    );
    expect(exported!.toJSON()).to.deep.equal(original!.toJSON());
  });

  it("refuses another format, and a folder that is not there", async () => {
    expect((await mcloss("export", MODEL, "--format", "caffe", "--out", "x")).code).to.equal(2);
    const unknown = await mcloss("export", MODEL, "--out", "model.pb");
    expect(unknown).to.include({ code: 2 });
    expect(unknown.stderr).to.contain("end --out in .onnx or .safetensors, or give --format");
    const { code, stderr } = await mcloss("export", MODEL, "--format", "onnx", "--out", "none/model.onnx");
    expect(code).to.equal(1);
    expect(stderr).to.match(/^mcloss: cannot write none\/model\.onnx: /);
  });
});
