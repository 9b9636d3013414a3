import { expect } from "chai";
import { spawnSync } from "node:child_process";
import { copyFile, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  loadModel,
  manualSeed,
  Model,
  noGrad,
  saveModel,
  SGD,
  type ModelSpec,
  type Tensor,
} from "mutual-channel-loss";
import { describe as describeModel, parseModelSpec, torchscript } from "mutual-channel-loss/models";
import { loadStateDict } from "mutual-channel-loss/tensor";
import { caught, rejected } from "../support/errors.js";
import { expectClose, fixturePath, numbersOf, stateOf } from "../support/fixtures.js";
import { cotangent } from "../support/formula.js";
import { temporaryFolder } from "../support/images.js";

const SCRIPTED = fixturePath("scripted.pt");
const MCLOSS = fileURLToPath(new URL("../../bin/mcloss.js", import.meta.url));
const TRACED = fixturePath("traced.pt");
const TOLERANCE = 1e-5;

/** The names of the state dict in Python, in its order. */
const NAMES = [
  "scale",
  "stem.weight",
  "stem.bias",
  ...["layer1.0.", "layer1.1."].flatMap((block) => [
    `${block}conv1.weight`,
    ...["weight", "bias", "running_mean", "running_var", "num_batches_tracked"].map(
      (t) => `${block}bn1.${t}`,
    ),
  ]),
  "fc.weight",
  "fc.bias",
];

/** The module up to `output`, and a head of our own. */
function withHead(path: string, output: string, classes = 3): ModelSpec {
  return {
    format: 1,
    name: "with a head",
    input: { channels: 3, height: 8, width: 8 },
    classes,
    groups: [],
    layers: [
      { type: "torchscript", name: "backbone", path, output },
      { type: "conv2d", name: "narrow", inChannels: 4, outChannels: 6, kernelSize: 1 },
      { type: "adaptiveAvgPool2d", outputSize: 1 },
      { type: "flatten" },
      { type: "linear", name: "fc", inFeatures: 6, outFeatures: classes },
    ],
    features: "narrow",
  };
}

/** A checkpoint whose spec is changed, without the checksum of what it was. */
function withSpec(checkpoint: string, change: (header: string) => string): Buffer {
  const length = Number(Buffer.from(checkpoint, "latin1").readBigUInt64LE());
  const header = change(checkpoint.slice(8, 8 + length)).replace("whole-file-crc32", "some-other-crc32");
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([start, Buffer.from(header + checkpoint.slice(8 + length), "latin1")]);
}

const folder = temporaryFolder();

describe("torchscript", () => {
  let fixtures: Record<string, Tensor>;
  let input: Tensor;

  before(async () => {
    fixtures = await loadStateDict(fixturePath("torchscript.safetensors"));
    input = fixtures["input"]!;
  });

  const open = (features = "layer1", path = SCRIPTED) => torchscript(path, { features, inputSize: 8 });

  for (const [kind, path] of [
    ["scripted", SCRIPTED],
    ["traced", TRACED],
  ] as const) {
    it(`loads a ${kind} module with its classes, channels and names`, async () => {
      using model = await open("layer1", path);
      expect(model.spec).to.deep.include({ classes: 5, groups: [], name: kind });
      expect(Object.keys(stateOf(model))).to.have.members(NAMES);
      const { features, logits } = await noGrad(() => model.eval().forward(input));
      await expectClose(logits, fixtures["eval"]!, TOLERANCE, "logits");
      await expectClose(features, fixtures["tap.layer1"]!, TOLERANCE, "features");
    });

    it(`taps submodules of a ${kind} module, telling apart those of one class`, async () => {
      using model = await open("layer1", path);
      const taps = ["layer1.0.conv1", "layer1.1.conv1"] as const;
      const output = await noGrad(() => model.eval().forward(input, { taps }));
      for (const name of taps)
        await expectClose(output.taps[name], fixtures[`tap.${name}`]!, TOLERANCE, name);
    });
  }

  it("keeps the order of Python's names in a scripted module", async () => {
    using model = await open();
    expect(model.state().map(({ name }) => name)).to.deep.equal(NAMES);
    expect(model.state().filter(({ trainable }) => !trainable)).to.have.length(7);
  });

  it("trains: outputs, gradients and statistics are PyTorch's", async () => {
    using model = await open();
    await noGrad(() => model.eval().forward(input));
    manualSeed(0);
    const x = input.withGrad();
    const { logits } = await model.train().forward(x);
    await expectClose(logits, fixtures["train"]!, TOLERANCE, "train");
    await logits.mul(cotangent(logits.shape)).sum().backward();
    await expectClose(x.grad, fixtures["gradient"]!, TOLERANCE, "gradient");
    const state = stateOf(model);
    for (const { name, trainable } of model.state()) {
      if (trainable) await expectClose(state[name]!.grad, fixtures[`gradient.${name}`]!, TOLERANCE, name);
      else await expectClose(state[name]!, fixtures[`after.${name}`]!, TOLERANCE, name);
    }
  });

  it("gives the output of a method as features, whether forward calls it or not", async () => {
    using called = await open("forward_features");
    const { features } = await noGrad(() => called.eval().forward(input));
    await expectClose(features, fixtures["tap.layer1"]!, TOLERANCE, "forward_features");
    using besides = await open("edges");
    const output = await noGrad(() => besides.eval().forward(input));
    await expectClose(output.features, fixtures["edges"]!, TOLERANCE, "edges");
    await expectClose(output.logits, fixtures["eval"]!, TOLERANCE, "logits");
  });

  it("is a layer among others, cut at a submodule or a method, whose weights learn", async () => {
    for (const output of ["layer1", "forward_features"]) {
      using model = new Model(parseModelSpec(withHead(SCRIPTED, output)));
      const taps = ["backbone", "backbone.layer1.1.conv1"] as const;
      const evaluated = await noGrad(() => model.eval().forward(input, { taps }));
      await expectClose(evaluated.taps.backbone, fixtures["tap.layer1"]!, TOLERANCE, "backbone");
      await expectClose(evaluated.taps[taps[1]], fixtures["tap.layer1.1.conv1"]!, TOLERANCE, "inside");
      const optimizer = new SGD([{ parameters: model.parameters() }], { learningRate: 0.1 });
      const before = await numbersOf(stateOf(model)["backbone.stem.weight"]!);
      const { logits } = await model.train().forward(input);
      await logits.square().sum().backward();
      await optimizer.step();
      expect(await numbersOf(stateOf(model)["backbone.stem.weight"]!)).to.not.deep.equal(before);
    }
  });

  it("is described as far as it is known", () => {
    const spec = parseModelSpec(withHead(SCRIPTED, "layer1"));
    const table = describeModel(spec).toString();
    expect(table).to.match(/^backbone +torchscript +\? +\? +\?$/m);
    expect(table).to.match(/^narrow +conv2d +\[6, \?, \?\] +30 +\?$/m);
    using model = new Model(spec);
    expect(describeModel(model).parameters).to.equal(
      model.parameters().reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
    );
  });

  it("freezes: no gradients, and statistics that stay", async () => {
    using model = await open();
    model.freeze("layer1.0").train();
    const { logits } = await model.forward(input);
    await logits.sum().backward();
    const state = stateOf(model);
    expect(state["layer1.0.conv1.weight"]!.grad).to.equal(null);
    expect(state["layer1.1.conv1.weight"]!.grad).to.not.equal(null);
    expect(state["layer1.0.bn1.num_batches_tracked"]!.item()).to.equal(0);
    expect(state["layer1.1.bn1.num_batches_tracked"]!.item()).to.equal(1);
    model.unfreeze();
    await model.forward(input);
    expect(state["layer1.0.bn1.num_batches_tracked"]!.item()).to.equal(1);
  });

  it("converts to another dtype", async () => {
    using model = await open();
    await model.to("float64");
    const { logits } = await noGrad(() => model.eval().forward(input));
    expect(logits.dtype).to.equal("float64");
    await expectClose(logits, fixtures["eval"]!, TOLERANCE, "logits");
  });

  describe("in checkpoints", () => {
    async function trained(name: string): Promise<{ module: string; checkpoint: string; wanted: Tensor }> {
      const place = join(folder(), name);
      await mkdir(place, { recursive: true });
      const module = join(place, "backbone.pt");
      await copyFile(SCRIPTED, module);
      using model = new Model(parseModelSpec(withHead(module, "layer1")));
      noGrad(() => stateOf(model)["backbone.stem.weight"]!.setAt(0.25, "..."));
      const checkpoint = join(place, "model.safetensors");
      await saveModel(model, checkpoint);
      const { logits } = await noGrad(() => model.eval().forward(input));
      return { module, checkpoint, wanted: logits };
    }

    it("keeps the weights in the checkpoint and the code in its file, with its hash", async () => {
      const { module, checkpoint, wanted } = await trained("whole");
      using model = await loadModel(checkpoint, { trustCode: true });
      expect(model.spec.layers[0]).to.deep.include({ path: module });
      expect(model.spec.layers[0])
        .to.have.property("sha256")
        .that.matches(/^[0-9a-f]{64}$/);
      await expectClose((await noGrad(() => model.forward(input))).logits, wanted, 1e-6, "logits");
    });

    it("runs nothing unless that is allowed, and says what allows it", async () => {
      const { module, checkpoint } = await trained("untrusted");
      const error = await rejected(loadModel(checkpoint));
      expect(error).to.include({ code: "ERR_CHECKPOINT", path: checkpoint, argument: "trustCode" });
      expect(error.message).to.match(
        /has a TorchScript module, which is code .* trust its author, .*\{ trustCode: true \} \(--trust-code\)/,
      );
      const json = new Model(parseModelSpec(withHead(module, "layer1"))).toJSON();
      expect(caught(() => Model.fromJSON(json))).to.include({ code: "ERR_ARGUMENT", argument: "trustCode" });
      expect(Model.fromJSON(json, { trustCode: true }).spec.classes).to.equal(3);
      for (const args of [
        ["predict", checkpoint, "a.png"],
        ["eval", checkpoint, folder()],
        ["visualize", checkpoint, "a.png"],
        ["export", checkpoint, "--out", join(folder(), "x.onnx")],
      ]) {
        const { status, stderr } = spawnSync(process.execPath, [MCLOSS, ...args], { encoding: "utf8" });
        expect([status, stderr], args[0]).to.satisfy(() => status === 1 && stderr.includes("--trust-code"));
      }
      const out = join(folder(), "trusted.safetensors");
      const trusted = ["export", checkpoint, "--out", out, "--trust-code"];
      expect(spawnSync(process.execPath, [MCLOSS, ...trusted]).status).to.equal(0);
    });

    it("takes no file but one beside the checkpoint, through no link that leads away", async () => {
      const { module, checkpoint } = await trained("beside");
      const bytes = await readFile(checkpoint, "latin1");
      const away = join(folder(), "away.pt");
      await copyFile(SCRIPTED, away);
      for (const path of [away, "../away.pt", "sub/backbone.pt", ".", ".."]) {
        const forged = join(folder(), "beside", "forged.safetensors");
        await writeFile(
          forged,
          withSpec(bytes, (spec) => spec.replace("backbone.pt", path)),
        );
        const error = await rejected(loadModel(forged, { trustCode: true }));
        expect(error.code, path).to.equal("ERR_CHECKPOINT");
        expect(error.message, path).to.match(
          /is not a file beside the checkpoint in .*: only those are taken/,
        );
      }
      await rm(module);
      await symlink(away, module);
      expect((await rejected(loadModel(checkpoint, { trustCode: true }))).message).to.match(
        /is not a file beside the checkpoint/,
      );
      await rm(module);
      await mkdir(module);
      expect((await rejected(loadModel(checkpoint, { trustCode: true }))).code).to.equal("ERR_CHECKPOINT");
    });

    it("brings a module that is elsewhere along, without taking another's place", async () => {
      const { module, wanted, checkpoint } = await trained("home");
      const run = join(folder(), "run");
      await mkdir(run);
      await writeFile(join(run, "backbone.pt"), "another");
      using model = await loadModel(checkpoint, { trustCode: true });
      await saveModel(model, join(run, "model.safetensors"));
      await rm(module);
      const names = await readdir(run);
      expect(names).to.have.length(3);
      expect(names.find((name) => /^backbone-[0-9a-f]{8}\.pt$/.test(name))).to.be.a("string");
      using again = await loadModel(join(run, "model.safetensors"), { trustCode: true });
      await expectClose((await noGrad(() => again.forward(input))).logits, wanted, 1e-6, "logits");
      const alone = join(folder(), "alone");
      await mkdir(alone);
      // The weights are worth saving where the module is gone.
      await saveModel(model, join(alone, "model.safetensors"));
      const missing = await rejected(loadModel(join(alone, "model.safetensors"), { trustCode: true }));
      expect(missing.message).to.match(/cannot read the TorchScript module .*backbone-\w{8}\.pt/);
    });

    it("finds the file beside the checkpoint when both were moved", async () => {
      const { module, checkpoint, wanted } = await trained("moved");
      const moved = join(folder(), "elsewhere");
      await mkdir(moved);
      await copyFile(module, join(moved, "backbone.pt"));
      await copyFile(checkpoint, join(moved, "model.safetensors"));
      await rm(module);
      using model = await loadModel(join(moved, "model.safetensors"), { trustCode: true });
      await expectClose((await noGrad(() => model.forward(input))).logits, wanted, 1e-6, "logits");
    });

    it("names the file that is missing, or another one", async () => {
      const { module, checkpoint } = await trained("lost");
      await copyFile(TRACED, module);
      const changed = await rejected(loadModel(checkpoint, { trustCode: true }));
      expect(changed).to.include({ code: "ERR_CHECKPOINT", path: module });
      expect(changed.message).to.match(/is another one than the model was made with/);
      await rm(module);
      const missing = await rejected(loadModel(checkpoint, { trustCode: true }));
      expect(missing).to.include({ code: "ERR_CHECKPOINT", path: module });
      expect(missing.message).to.match(/cannot read the TorchScript module .*backbone\.pt/);
    });
  });

  it("says what is wrong with a file or a name", async () => {
    const path = join(folder(), "text.pt");
    await writeFile(path, "not a module");
    const foreign = await rejected(open("layer1", path));
    expect(foreign.code).to.equal("ERR_CHECKPOINT");
    expect(foreign.message).to.match(/text\.pt is not a TorchScript module/);
    expect((await rejected(open("layer1", join(folder(), "gone.pt")))).code).to.equal("ERR_CHECKPOINT");
    expect((await rejected(open("layer9"))).message).to.match(/features names no layer: "layer9"/);
    expect((await rejected(open("fc"))).message).to.match(/features \[N, C, H, W\], and fc gives \[1, 5\]/);
    const spec = withHead(SCRIPTED, "nothing");
    expect(caught(() => new Model(spec).state()).message).to.match(/backbone: output names no submodule or/);
    using pair = new Model(withHead(SCRIPTED, "pair"));
    expect((await rejected(pair.forward(input))).message).to.match(
      /backbone: pair must give a tensor, got Tuple/,
    );
  });
});
