import { expect } from "chai";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { evaluate, ImageFolder, DataLoader, loadModel, train, type TrainOptions } from "mutual-channel-loss";
import { evaluationTransforms } from "mutual-channel-loss/data";
import { rejected } from "../support/errors.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";

describe("train()", () => {
  const folder = temporaryFolder();
  const at = (...parts: string[]) => join(folder(), ...parts);
  const small = {
    epochs: 2,
    batchSize: 8,
    network: { inputSize: 32, width: 8 },
  } satisfies Partial<TrainOptions>;

  before(async () => {
    await writeColorFolder(at("photos", "train"), 6);
    await writeColorFolder(at("photos", "test"), 3);
  });

  it("gives the best held-out accuracy and the checkpoint that has it", async () => {
    const events: string[] = [];
    const result = await train({
      ...small,
      dir: at("photos", "train"),
      validation: at("photos", "test"),
      out: at("runs", "best"),
      transforms: { train: "strong" },
      onEvent: ({ type }) => void events.push(type),
    });
    expect(result).to.include({ out: at("runs", "best"), epochs: 2, stopped: false });
    expect(result.checkpoint).to.equal(at("runs", "best", "checkpoints", "best.safetensors"));
    expect(result.classes).to.deep.equal(["blue", "green", "red"]);
    expect(events.filter((type) => type === "epoch")).to.have.length(2);
    const model = await loadModel(result.checkpoint);
    const images = await ImageFolder.open(at("photos", "test"), { classes: result.classes });
    const loader = new DataLoader(images, { batchSize: 8, transforms: evaluationTransforms(model) });
    expect((await evaluate(model, loader)).accuracy).to.equal(result.accuracy);
  });

  it("gives the last checkpoint, and no accuracy, without held-out images", async () => {
    const result = await train({ ...small, dir: at("photos", "train"), out: at("runs", "alone") });
    expect(result).to.not.have.property("accuracy");
    expect(result.checkpoint).to.equal(at("runs", "alone", "checkpoints", "last.safetensors"));
    expect(existsSync(result.checkpoint)).to.equal(true);
  });

  it("ends with what onEvent throws, with a checkpoint", async () => {
    const stop = new Error("seen enough");
    const out = at("runs", "thrown");
    const onEvent = () => Promise.reject(stop);
    const error = await train({ ...small, dir: at("photos", "train"), out, onEvent }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).to.equal(stop);
    expect(existsSync(join(out, "checkpoints", "last.safetensors"))).to.equal(true);
  });

  it("names what is wrong before anything is read", async () => {
    const where = { dir: at("nowhere"), out: at("runs", "never") };
    const problem = async (options: object) => (await rejected(train({ ...where, ...options }))).message;
    expect(await problem({ epoch: 1 })).to.equal("epoch: is not known here (did you mean epochs?)");
    expect(await problem({ output: "x" })).to.match(/^output: is not known here .* out, /);
    expect(await problem({ out: undefined })).to.equal("out: is missing");
    expect(await problem({ epochs: 0 })).to.match(/^epochs: must be a positive integer/);
    expect(await problem({ loss: { alpha: "1" } })).to.match(/^loss\.alpha: must be a number/);
    expect(await problem({ recipe: "cub" })).to.match(/^there is no recipe "cub"/);
    expect(await problem({ onEvent: 1 })).to.match(/^onEvent must be a function/);
    expect(await rejected(train(where))).to.include({ code: "ERR_DATASET", path: at("nowhere") });
    expect(existsSync(at("runs", "never"))).to.equal(false);
  });
});
