import { expect } from "chai";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { Model, saveModel, smallResNet, tensor, type ModelSpec } from "mutual-channel-loss";
import { cub200, normalize } from "mutual-channel-loss/data";
import { globalPool } from "#lib/models/blocks.js";
import { fixture } from "../support/datasets.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { mclossIn } from "../support/mcloss.js";

const CUB = fixture("CUB_200_2011");
const folder = temporaryFolder();

const mcloss = (...args: string[]) => mclossIn(folder(), ...args);

async function write(path: string, classNames: readonly string[], seed = 0): Promise<void> {
  const info = { classNames, normalization: normalize() };
  using model = smallResNet({
    classes: classNames.length,
    channelsPerClass: 2,
    inputSize: 32,
    width: 8,
    seed,
    info,
  });
  await saveModel(model, join(folder(), path));
}

/** Three channels of one class each, which are 1 at the top left, at the bottom right and at the left edge of any image. */
async function writeEdgeModel(path: string, classNames: readonly string[]): Promise<void> {
  const spec: ModelSpec = {
    format: 1,
    name: "edges",
    input: { channels: 3, height: 16, width: 16 },
    classes: 3,
    groups: [{ classes: 3, channels: 1 }],
    layers: [
      { type: "conv2d", name: "ones", inChannels: 3, outChannels: 1, kernelSize: 1 },
      { type: "conv2d", name: "features", inChannels: 1, outChannels: 3, kernelSize: 3, padding: 1 },
      ...globalPool("avg"),
      { type: "linear", name: "fc", inFeatures: 3, outFeatures: 3 },
    ],
    features: "features",
  };
  using model = new Model(spec, { info: { classNames, normalization: normalize() } });
  // Beyond the edge the neighbour is 0, and 1 everywhere else.
  const lessNeighbour = (at: number) => Array.from({ length: 9 }, (_, i) => (i === at ? -1 : 0));
  model.loadStateDict({
    "ones.weight": tensor(new Float32Array(3), { shape: [1, 3, 1, 1] }),
    "ones.bias": tensor([1]),
    "features.weight": tensor([0, 8, 3].flatMap(lessNeighbour), { shape: [3, 1, 3, 3] }),
    "features.bias": tensor([1, 1, 1]),
    "fc.weight": tensor(new Float32Array(9), { shape: [3, 3] }),
    "fc.bias": tensor([0, 0, 0]),
  });
  await saveModel(model, join(folder(), path));
}

const isPicture = async (path: string) => (await sharp(join(folder(), path)).metadata()).format === "png";

before(async () => {
  await writeColorFolder(join(folder(), "photos"), 2);
  await write("a.safetensors", ["blue", "green", "red"]);
  await write("b.safetensors", ["blue", "green", "red"], 1);
  await writeEdgeModel("edges.safetensors", ["blue", "green", "red"]);
  const { classes } = await cub200(CUB, { allowPartial: true });
  await write("cub.safetensors", classes);
});

describe("mcloss visualize", () => {
  it("writes a picture of each image, under names of their own", async () => {
    const images = ["photos/red/0.png", "photos/blue/0.png"];
    const { code, stdout, stderr } = await mcloss("visualize", "a.safetensors", ...images, "--out", "one");
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/^photos\/red\/0\.png +\S+ +\d+\.\d\d % +one\/0\.png\n/);
    expect((await readdir(join(folder(), "one"))).sort()).to.deep.equal(["0-2.png", "0.png"]);
    expect(await isPicture("one/0-2.png")).to.equal(true);
    const whole = await mcloss("visualize", "a.safetensors", "photos", "--out", "all");
    expect(whole.code, whole.stderr).to.equal(0);
    expect(await readdir(join(folder(), "all"))).to.have.length(6);
  });

  it("takes a class and a second model, and prints JSON", async () => {
    const { code, stdout, stderr } = await mcloss(
      ...[
        "visualize",
        "a.safetensors",
        "photos/red/0.png",
        "--out",
        "two",
        "--class",
        "red",
        "--rivals",
        "0",
      ],
      ...["--compare", "b.safetensors", "--json"],
    );
    expect(code, stderr).to.equal(0);
    const { model, images, classes } = JSON.parse(stdout) as Record<"model" | "images" | "classes", unknown>;
    expect([model, classes]).to.deep.equal(["a.safetensors", []]);
    const [image] = images as { image: string; picture: string; predicted: object; shown: object[] }[];
    expect(image).to.include({ image: "photos/red/0.png", picture: join("two", "0.png") });
    expect(image!.predicted).to.have.keys("name", "index", "probability");
    expect(image!.shown[0]).to.include({ name: "red", index: 2, start: 4, count: 2 });
    expect(await isPicture("two/0.png")).to.equal(true);
  });

  it("writes a picture of each class, or of one", async () => {
    const all = await mcloss("visualize", "a.safetensors", "--by-class", "photos", "--out", "classes");
    expect(all.code, all.stderr).to.equal(0);
    expect((await readdir(join(folder(), "classes"))).sort()).to.deep.equal(
      ["blue", "green", "red"].map((name) => `class-${name}.png`),
    );
    const args = ["--by-class", "photos", "--class", "1", "--out", "class", "--json"];
    const { stdout } = await mcloss("visualize", "a.safetensors", ...args);
    const { classes } = JSON.parse(stdout) as {
      classes: { class: string; channels: { channel: number }[] }[];
    };
    expect(classes.map((each) => each.class)).to.deep.equal(["green"]);
    expect(classes[0]!.channels.map(({ channel }) => channel)).to.deep.equal([2, 3]);
  });

  it("is wrong usage without images, and names a class, an image or a folder that is not there", async () => {
    const nothing = await mcloss("visualize", "a.safetensors");
    expect(nothing).to.include({ code: 2 });
    expect(nothing.stderr).to.match(/give images, or --by-class/);
    const unknown = await mcloss("visualize", "a.safetensors", "photos/red/0.png", "--class", "violet");
    expect(unknown.stderr).to.match(
      /--class must be one of the model's 3 classes, such as blue, .*got violet/,
    );
    expect(unknown.code).to.equal(1);
    expect((await mcloss("visualize", "a.safetensors", "none.png")).stderr).to.match(
      /cannot decode .*none\.png/,
    );
    await writeFile(join(folder(), "file"), "");
    const taken = await mcloss("visualize", "a.safetensors", "photos/red/0.png", "--out", "file");
    expect(taken.stderr).to.match(/--out must be a folder, and file is a file/);
  });
});

describe("mcloss eval", () => {
  it("measures the channels and names the worst classes", async () => {
    const { stdout, stderr, code } = await mcloss("eval", "a.safetensors", "photos", "--channels");
    expect(code, stderr).to.equal(0);
    const heading =
      /channels +diversity \(h\/ξ\) +overlap \(IoU\) +cosine +alignment +habit +habit, own class +dead\n/;
    expect(stdout).to.match(heading);
    const number = String.raw`\d\.\d\d \(\d\.\d\d\)`;
    const share = String.raw`\d+ % \(\d+ %\)`;
    const row = [number, number, number, share, share, share, "\\d of 6\n"].join(" +");
    expect(stdout).to.match(new RegExp(`^all classes +${row}`, "m"));
    expect(stdout).to.contain("In brackets: by chance.");
    for (const name of ["blue", "green", "red"])
      expect(stdout).to.match(new RegExp(`^${name} .* of 2$`, "m"));
  });

  it("warns of channels that keep to their places, whatever the image", async () => {
    const { code, stdout, stderr } = await mcloss("eval", "edges.safetensors", "photos", "--channels");
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/^all classes .* 100 % \(\d+ %\) +100 % \(\d+ %\) +0 of 3$/m);
    expect(stderr).to.match(/warning: channels keep to their places: in 100 % of the images .* lower beta/);
    const sheets = ["visualize", "edges.safetensors", "--by-class", "photos", "--out", "edges"];
    const json = await mcloss(...sheets, "--json");
    expect(json.code, json.stderr).to.equal(0);
    expect(JSON.parse(json.stdout)).to.have.nested.property("channels.habit", 1);
    expect(JSON.parse(json.stdout)).to.have.nested.property("channels.chance.habit").that.is.below(0.5);
    expect(json.stderr).to.contain("warning: channels keep to their places");
    expect((await mcloss(...sheets)).stdout).to.match(/habit 100 % \(\d+ %\)/);
  });

  it("writes the confusion matrix, after what it measured is told", async () => {
    const evaluate = ["eval", "a.safetensors", "photos", "--confusion"];
    const written = await mcloss(...evaluate, "confusion.csv");
    expect(written.code).to.equal(0);
    expect(written.stderr).to.match(/^wrote confusion\.csv$/m);
    const json = await mcloss(...evaluate, "confusion.csv", "--json");
    expect(JSON.parse(json.stdout)).to.include({ file: "confusion.csv" });
    expect(await readFile(join(folder(), "confusion.csv"), "utf8")).to.match(
      /^true .*blue,green,red\r\nblue,/,
    );
    const unwritable = await mcloss(...evaluate, "none/confusion.csv");
    expect(unwritable).to.include({ code: 1 });
    expect(unwritable.stdout).to.match(/^images +6\n/);
    expect(unwritable.stderr).to.contain("cannot write none/confusion.csv: no such file or directory");
    const unknown = await mcloss(...evaluate, "confusion");
    expect(unknown).to.include({ code: 1, stdout: "" });
    expect(unknown.stderr).to.equal('mcloss: --confusion must end in .csv or .png, got "confusion"\n');
  });

  it("compares maps with the boxes of a set that has them", async () => {
    const args = ["--allow-partial", "--channels", "--localisation"];
    const { stdout, stderr, code } = await mcloss("eval", "cub.safetensors", CUB, ...args);
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/on \d+ images with a box +class's channels +Grad-CAM\n/);
    expect(stdout).to.match(/pointing game +\d+\.\d\d % +\d+\.\d\d %\nIoU with the box +\d+\.\d\d % /);
    const json = await mcloss("eval", "cub.safetensors", CUB, ...args, "--json");
    const { channels, localisation } = JSON.parse(json.stdout) as Record<"channels" | "localisation", object>;
    expect(channels).to.have.nested.property("overall.diversity").that.is.within(0.5, 1);
    expect(channels).to.have.property("perClass").that.has.length(3);
    expect(localisation).to.have.nested.property("cam.method", "Grad-CAM");
    const none = await mcloss("eval", "a.safetensors", "photos", "--localisation");
    expect(none.code).to.equal(1);
    expect(none.stderr).to.match(/no boxes to compare with/);
  });
});

describe("mcloss train", () => {
  it("measures the channels after the last epoch, and tells of them", async () => {
    const args = ["--epochs", "2", "--batch-size", "4", "--image-size", "32", "--out", "measured"];
    const { code, stderr, stdout } = await mcloss(
      ...["train", "photos", "--validation", "photos", ...args, "--json"],
    );
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(
      /^channels, in brackets by chance: diversity .* habit \d+ % \(\d+ %\) .* dead \d+$/m,
    );
    const lines = stdout.trim().split("\n");
    const told = lines.map((line) => JSON.parse(line) as { type: string; channels?: object });
    expect(told.map(({ channels }) => channels !== undefined)).to.deep.equal([false, true, true]);
    expect(told[1]!.channels).to.have.nested.property("chance.habit");
    const none = await mcloss("train", "photos", ...args, "--overwrite");
    expect(none.stderr).to.not.contain("in brackets");
  });
});

describe("mcloss train --channel-health", () => {
  it("writes the channels' health with every epoch's metrics", async () => {
    const args = [
      "--epochs",
      "2",
      "--batch-size",
      "4",
      "--image-size",
      "32",
      "--out",
      "run",
      "--channel-health",
    ];
    const { code, stderr } = await mcloss("train", "photos", "--validation", "photos", ...args);
    expect(code, stderr).to.equal(0);
    const lines = (await readFile(join(folder(), "run", "metrics.jsonl"), "utf8")).trim().split("\n");
    expect(lines).to.have.length(2);
    for (const line of lines) {
      const { channels, validation } = JSON.parse(line) as {
        channels: Record<string, unknown>;
        validation: { diversity: number };
      };
      const figures = ["diversity", "iou", "cosine", "alignment", "habit", "ownHabit"];
      expect(channels).to.have.all.keys(...figures, "dead", "chance");
      expect(channels["chance"]).to.have.all.keys(...figures);
      expect(channels["diversity"]).to.be.closeTo(1 - validation.diversity, 1e-5);
    }
    const without = await mcloss("train", "photos", ...args, "--overwrite");
    expect(without.code).to.equal(1);
    expect(without.stderr).to.match(/--channel-health needs --validation/);
  });
});
