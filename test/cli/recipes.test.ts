import { expect } from "chai";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { saveModel, smallResNet } from "mutual-channel-loss";
import { type Recipe } from "mutual-channel-loss/train";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { mclossIn } from "../support/mcloss.js";

const folder = temporaryFolder();

const mcloss = (...args: string[]) => mclossIn(folder(), ...args);

async function recipeOf(run: string): Promise<Recipe> {
  const info = await readFile(join(folder(), run, "run.json"), "utf8");
  return (JSON.parse(info) as { about: { recipe: Recipe } }).about.recipe;
}

describe("mcloss recipes", () => {
  it("lists the recipes with the accuracies that were published", async () => {
    const { code, stdout } = await mcloss("recipes");
    expect(code).to.equal(0);
    expect(stdout).to.match(/^cub200-resnet50 +300 +87\.30 % \? +87\.26 %, 86\.96 % +ResNet50 pre-trained/m);
    expect(stdout).to.match(/^stanford-cars-vgg16 +300 +90\.85 % \? +VGG16 from scratch on Stanford Cars$/m);
    const all = JSON.parse((await mcloss("recipes", "--json")).stdout) as Recipe[];
    expect(all.map(({ name }) => name)).to.include.members(["default", "flowers102-bcnn"]);
  });

  it("shows one in full, with the source of every value, and as a file that --recipe takes", async () => {
    const { stdout } = await mcloss("recipes", "fgvc-aircraft-resnet50");
    expect(stdout).to.match(/^loss\.alpha +0\.0005 +assumed$/m);
    expect(stdout).to.match(/^network\.name +resnet50 +paper$/m);
    expect(stdout).to.contain("channels of the 100 classes: 52 × 20 + 48 × 21 = 2048");
    expect(stdout).to.contain(
      "top-1 with MC-Loss: 92.60 %, the paper (recalled; not looked up in the paper)",
    );
    const json = (await mcloss("recipes", "cub200-vgg16", "--json")).stdout;
    await writeFile(join(folder(), "vgg.json"), json);
    expect((await mcloss("recipes", "vgg.json", "--json")).stdout).to.equal(json);
    const unknown = await mcloss("recipes", "cub200-vgg");
    expect(unknown.code).to.equal(2);
    expect(unknown.stderr).to.match(/no recipe "cub200-vgg" \(did you mean cub200-vgg16\?\)/);
  });
});

describe("mcloss train --recipe", () => {
  before(async () => {
    await writeColorFolder(join(folder(), "photos"));
    await writeFile(
      join(folder(), "small.yaml"),
      "network: { name: small-resnet, channelsPerClass: 2, inputSize: 32, width: 8 }\nepochs: 1\nbatchSize: 8\n",
    );
    using model = smallResNet({ classes: 5, channelsPerClass: 2, inputSize: 32, width: 8 });
    await saveModel(model, join(folder(), "five.safetensors"));
  });

  it("takes a file, options and --set, in this order, and lists what the weights did not give", async () => {
    const { code, stderr } = await mcloss(
      ...["train", "photos", "--recipe", "small.yaml", "--alpha", "2", "--batch-size", "4", "--tf32"],
      ...["--set", "batchSize=12", "--set", "optimizer.momentum=0.5", "--weights", "five.safetensors"],
      ...["--out", "run"],
    );
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(
      /^ {2}initialised: classifier\.4\.weight \[3, 256\] \(the file's is \[5, 256\]\)$/m,
    );
    const recipe = await recipeOf("run");
    expect(recipe).to.deep.include({ name: "small", epochs: 1, batchSize: 12, loss: { alpha: 2, beta: 1 } });
    expect(recipe.tf32).to.equal(true);
    expect(recipe.optimizer).to.deep.include({ type: "sgd", momentum: 0.5, learningRate: 0.05 });
    const resumed = await mcloss("train", "--resume", "run");
    expect(resumed.code, resumed.stderr).to.equal(0);
  });

  it("takes the baseline of the same recipe with --loss ce", async () => {
    const args = ["train", "photos", "--recipe", "small.yaml", "--loss", "ce", "--beta", "10", "--out", "ce"];
    const { code, stderr } = await mcloss(...args);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(/small-resnet · cross-entropy/);
    expect((await recipeOf("ce")).loss).to.equal("ce");
  });

  it("exits with 2 for a key or a recipe that there is not, and with 1 for a file that is wrong", async () => {
    const key = await mcloss("train", "photos", "--set", "optimizer.learningrate=1");
    expect(key.code).to.equal(2);
    expect(key.stderr).to.match(/optimizer\.learningrate: is not known here \(did you mean learningRate\?\)/);
    expect((await mcloss("train", "photos", "--recipe", "cub")).code).to.equal(2);
    const option = await mcloss("train", "photos", "--model", "densenet121", "--channels-per-class", "3");
    expect(option.code).to.equal(2);
    expect(option.stderr).to.match(/--channels-per-class: is not known here/);
    await writeFile(join(folder(), "bad.yaml"), "epocs: 3");
    const file = await mcloss("train", "photos", "--recipe", "bad.yaml");
    expect(file.code).to.equal(1);
    expect(file.stderr).to.match(/^mcloss: bad\.yaml: epocs: is not known here \(did you mean epochs\?\)$/m);
    const resumed = await mcloss("train", "--resume", "run", "--recipe", "default");
    expect(resumed.code).to.equal(2);
    expect(resumed.stderr).to.match(/a run goes on with its own recipe: leave out --recipe/);
  });

  it("names the official file where the weights are missing", async () => {
    const { code, stderr } = await mcloss(
      ...["train", "photos", "--recipe", "cub200-resnet50", "--kind", "folder", "--out", "none"],
    );
    expect(code).to.equal(1);
    expect(stderr).to.match(/cannot open the weights resnet50-0676ba61\.pth: no such file.*97\.781 MiB/);
  });
});
