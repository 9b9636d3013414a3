import { expect } from "chai";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe as describeNetwork } from "mutual-channel-loss/models";
import {
  changeRecipe,
  loadRecipe,
  parseRecipe,
  recipes,
  sourceOf,
  type Recipe,
} from "mutual-channel-loss/train";
import { joinPatches, leaves, parseAssignment } from "#lib/recipes/patch.js";
import { networkSpec } from "#lib/recipes/network.js";
import { caught, rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";

const folder = temporaryFolder();

const CLASSES = { cub200: 200, "fgvc-aircraft": 100, flowers102: 102, "stanford-cars": 196 } as const;
type PublishedSet = keyof typeof CLASSES;

async function written(name: string, text: string): Promise<string> {
  const path = join(folder(), name);
  await writeFile(path, text);
  return path;
}

const set = (recipe: Recipe, ...assignments: string[]) =>
  changeRecipe(recipe, joinPatches(assignments.map(parseAssignment)));
const builtIn = (name: string) => recipes.get(name)!;

describe("the built-in recipes", () => {
  const paper = [...recipes.values()].filter(({ name }) => name !== "default");

  it("are the paper's four data sets with its four networks", () => {
    const names = Object.keys(CLASSES).flatMap((kind) =>
      ["vgg16", "resnet18", "resnet50", "bcnn"].map((network) => `${kind}-${network}`),
    );
    const others = ["cub200-resnet50-kurumi", "cub200-resnet50-paper"];
    expect([...recipes.keys()]).to.have.members(["default", ...names, ...others]);
  });

  for (const recipe of paper) {
    it(`${recipe.name} is valid, builds its network, and every value has a source`, () => {
      expect(changeRecipe(recipe, {})).to.deep.equal(recipe);
      const { name, description, published, sources, ...settings } = recipe;
      for (const path of leaves(settings)) expect(sourceOf(recipe, path), path).to.be.a("string");
      const classes = CLASSES[recipe.dataset.kind as PublishedSet];
      const { features, input } = describeNetwork(networkSpec(recipe, classes));
      const fromScratch = /vgg16|resnet18/.test(name.slice(recipe.dataset.kind!.length));
      if (fromScratch)
        expect([input, features]).to.deep.equal([
          [3, 224, 224],
          [3 * classes, 14, 14],
        ]);
      else expect([input[1], features[0]! > 3 * classes || features[0] === 512]).to.deep.equal([448, true]);
    });
  }

  it("share channels out as the arithmetic says", () => {
    const groups = (network: string, kind: PublishedSet) =>
      networkSpec(builtIn(`${kind}-${network}`), CLASSES[kind]).groups.map(
        ({ classes, channels }) => `${classes}×${channels}`,
      );
    expect(groups("resnet50", "cub200")).to.deep.equal(["152×10", "48×11"]);
    expect(groups("resnet50", "fgvc-aircraft")).to.deep.equal(["52×20", "48×21"]);
    expect(groups("resnet50", "stanford-cars")).to.deep.equal(["108×10", "88×11"]);
    expect(groups("resnet50", "flowers102")).to.deep.equal(["94×20", "8×21"]);
    expect(groups("bcnn", "cub200")).to.deep.equal(["88×2", "112×3"]);
    expect(groups("vgg16", "cub200")).to.deep.equal(["200×3"]);
    expect(groups("resnet18", "stanford-cars")).to.deep.equal(["196×3"]);
  });

  it("have the authors' values from scratch and for ResNet50, beside the re-implementation's and the paper's", () => {
    const scratch = builtIn("cub200-resnet18");
    expect(scratch).to.deep.include({ epochs: 300, batchSize: 32, loss: { alpha: 1.5, beta: 20, keep: 2 } });
    expect(scratch.schedule).to.deep.equal({ type: "multiStep", milestones: [150, 225], gamma: 0.1 });
    expect(sourceOf(scratch, "loss.alpha")).to.equal("code");
    const tuned = builtIn("cub200-resnet50");
    expect(tuned).to.deep.include({
      epochs: 300,
      batchSize: 64,
      schedule: { type: "cosine", perEpoch: true },
    });
    expect(tuned.optimizer).to.deep.include({
      learningRate: 0.01,
      groups: [{ pattern: "classifier", learningRate: 0.1 }],
    });
    expect(tuned.transforms.train.at(-1)).to.deep.include({ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] });
    expect(sourceOf(tuned, "optimizer.groups[0]")).to.equal("code");
    const loss = { alpha: 0.0005, beta: 0.005, keep: { drop: 0.4 }, diversityOver: "blocks" };
    expect(tuned.loss).to.deep.equal(loss);
    const kurumi = builtIn("cub200-resnet50-kurumi");
    expect(kurumi).to.deep.include({ epochs: 150, batchSize: 32, loss });
    expect(kurumi.optimizer).to.include({ learningRate: 0.005 });
    expect(sourceOf(kurumi, "optimizer.groups[0]")).to.equal("reimplementation");
    const text = builtIn("cub200-resnet50-paper");
    expect(text.loss).to.deep.equal({ alpha: 0.005, beta: 0.05, keep: { drop: 0.5 } });
    expect(["optimizer.learningRate", "batchSize"].map((path) => sourceOf(text, path))).to.deep.equal([
      "paper",
      "assumed",
    ]);
    expect(sourceOf(builtIn("flowers102-resnet50"), "loss.alpha")).to.equal("assumed");
    expect(sourceOf(builtIn("cub200-bcnn"), "loss.beta")).to.equal("assumed");
  });

  it("say of the figures they report which were not looked up", () => {
    const reported = paper.flatMap(({ published = [] }) => published);
    expect(reported.filter(({ source }) => source === "paper").every(({ verified }) => !verified)).to.equal(
      true,
    );
    const { published = [] } = builtIn("cub200-resnet50");
    expect(
      published.map(({ loss, accuracy, source, epoch, verified }) => [
        loss,
        accuracy,
        source,
        epoch,
        verified,
      ]),
    ).to.deep.equal([
      ["ce", 0.8638, "reimplementation", undefined, false],
      ["mc", 0.873, "paper", undefined, false],
      ["mc", 0.872569, "code", "best", true],
      ["mc", 0.8696, "code", "last", true],
    ]);
  });
});

describe("loadRecipe and parseRecipe", () => {
  it("read JSON and YAML, with the default recipe's values for what is left out", async () => {
    const yaml = [
      "# our birds",
      "network: { name: resnet50, pool: max }",
      "weights: resnet50-0676ba61.pth",
      "loss: { alpha: 0.001, keep: { drop: 0.4 } }",
      "optimizer:",
      "  type: adamw",
      "  learningRate: 1.0e-4",
      "  groups:",
      "    - { pattern: classifier.*, learningRate: 0.001 }",
      "unfreeze:",
      "  - { epoch: 0, pattern: classifier.* }",
      "  - { epoch: 5, pattern: layer4.* }",
    ];
    const recipe = await loadRecipe(await written("birds.yaml", yaml.join("\n")));
    expect(recipe).to.deep.include({
      name: "birds",
      network: { name: "resnet50", pool: "max" },
      loss: { alpha: 0.001, beta: 1, keep: { drop: 0.4 } },
      optimizer: {
        type: "adamw",
        learningRate: 1e-4,
        groups: [{ pattern: "classifier.*", learningRate: 0.001 }],
      },
      epochs: 100,
    });
    const again = await loadRecipe(await written("again.json", JSON.stringify(recipe)));
    expect(again).to.deep.equal(recipe);
  });

  it("build on a recipe that extends names, and mark what changed", () => {
    const recipe = parseRecipe({
      extends: "cub200-resnet50",
      name: "wide",
      loss: { alpha: 0.01 },
      weights: null,
    });
    expect(recipe.loss).to.deep.include({ alpha: 0.01, beta: 0.005, keep: { drop: 0.4 } });
    expect(recipe).to.not.have.property("weights");
    expect(["loss.alpha", "loss.beta", "epochs"].map((path) => sourceOf(recipe, path))).to.deep.equal([
      "user",
      "code",
      "code",
    ]);
  });

  it("name the bad key by its path, the near one, and the file", async () => {
    const path = await written("typo.yaml", "optimizer: { learningrate: 0.1 }");
    const error = await rejected(loadRecipe(path));
    expect(error).to.include({ code: "ERR_ARGUMENT", argument: "optimizer.learningrate", path });
    expect(error.message).to.equal(
      `${path}: optimizer.learningrate: is not known here (did you mean learningRate?)`,
    );
    const message = (value: unknown) => caught(() => parseRecipe(value)).message;
    expect(message({ epocs: 3 })).to.match(/^epocs: is not known here \(did you mean epochs\?\)$/);
    expect(message({ network: { name: "densenet121", channelsPerClass: 3 } })).to.match(
      /^network\.channelsPerClass: is not known here \(there is name, adapter, inputSize\)$/,
    );
    expect(message({ schedule: { type: "cosin" } })).to.match(
      /^schedule\.type: must be one of .*, got "cosin" \(did you mean cosine\?\)$/,
    );
    expect(message({ transforms: { train: [{ type: "resize", sise: 32 }] } })).to.match(
      /^transforms\.train\[0\]\./,
    );
    expect(message({ loss: { alpha: "high" } })).to.match(/^loss\.alpha: /);
    expect(message({ optimizer: { type: "adam" } })).to.equal("optimizer.learningRate: is missing");
    expect(message({ groups: [{ classes: 2, channels: 0 }] })).to.match(/^groups\[0\]\.channels: /);
    expect(message({ unfreeze: [] })).to.match(/^unfreeze: /);
    expect(message({ extends: "cub200-vgg" })).to.match(
      /no recipe "cub200-vgg" \(did you mean cub200-vgg16\?\)/,
    );
    expect(message([])).to.match(/^recipe must be an object/);
  });

  it("refuse files that are missing or no JSON or YAML", async () => {
    const missing = join(folder(), "none.yaml");
    expect(await rejected(loadRecipe(missing))).to.include({ code: "ERR_IO", path: missing });
    for (const [name, text] of [
      ["bad.json", '{ "epochs": '],
      ["bad.yaml", "epochs: 3\nepochs: 4"],
      ["list.yml", "- 1"],
    ] as const) {
      const path = await written(name, text);
      const error = await rejected(loadRecipe(path));
      expect(error).to.include({ code: "ERR_ARGUMENT", path });
      expect(error.message.startsWith(path)).to.equal(true);
    }
    await mkdir(join(folder(), "folder.json"));
    const keys = Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`).join("\n");
    expect((await rejected(loadRecipe(await written("large.yaml", keys)))).message).to.match(
      /cannot read the recipe .*large\.yaml: it has \d+ bytes, more than 65536/,
    );
    const deep = await written("deep.json", `${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`);
    expect((await rejected(loadRecipe(deep))).message).to.match(/recipe must have at most 20 levels/);
    const long = (await rejected(loadRecipe(await written("long.yaml", "[".repeat(60_000))))).message;
    expect(long.length).to.be.below(1500);
    expect((await rejected(loadRecipe(join(folder(), "folder.json")))).code).to.equal("ERR_IO");
    expect((await rejected(loadRecipe("cub200-resnet"))).message).to.match(/did you mean cub200-resnet18\?/);
  });
});

describe("--set", () => {
  const tuned = builtIn("cub200-resnet50");

  it("takes JSON or text, in lists too, and null removes a key", () => {
    const recipe = set(
      tuned,
      "epochs=3",
      "weights=other.pth",
      "optimizer.groups[0].learningRate=0.1",
      "transforms.train.1.padding=4",
      'loss="ce"',
      "schedule=null",
    );
    expect(recipe).to.deep.include({ epochs: 3, weights: "other.pth", loss: "ce" });
    expect(recipe.optimizer.groups).to.deep.equal([{ pattern: "classifier", learningRate: 0.1 }]);
    expect(recipe.transforms.train[1]).to.include({ type: "randomCrop", padding: 4 });
    expect(recipe).to.not.have.property("schedule");
    expect(sourceOf(recipe, "optimizer.groups[0].learningRate")).to.equal("user");
    expect(tuned.epochs).to.equal(300);
  });

  it("replaces what becomes another kind of thing, in any order", () => {
    const optimizer = { type: "adam", learningRate: 0.001 };
    for (const order of [
      ["optimizer.type=adam", "optimizer.learningRate=0.001"],
      ["optimizer.learningRate=0.001", "optimizer.type=adam"],
    ]) {
      expect(set(tuned, ...order).optimizer).to.deep.equal(optimizer);
    }
    expect(set(tuned, "network.name=resnet18").network).to.deep.equal({ name: "resnet18" });
    expect(set(builtIn("cub200-resnet18"), "network.channelsPerClass=null").network).to.not.have.property(
      "channelsPerClass",
    );
  });

  it("names paths that there are not", () => {
    const message = (assignment: string) => caught(() => set(tuned, assignment)).message;
    expect(message("optimizer.momentun=0.5")).to.equal(
      "optimizer.momentun: is not known here (did you mean momentum?)",
    );
    expect(message("transforms.train[9].size=3")).to.equal(
      "transforms.train[9] does not exist: transforms.train is a list of 4 items",
    );
    expect(message("epochs")).to.match(/must be key=value, got "epochs"/);
    expect(message("=3")).to.match(/must be key=value/);
    expect(message("epochs=many")).to.match(/^epochs: /);
    expect(message("__proto__.x=1")).to.match(/^__proto__: is not known here/);
  });
});
