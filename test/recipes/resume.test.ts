import { expect } from "chai";
import { cp, mkdir, readFile, rename, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import {
  parseRecipe,
  prepareResume,
  RESUMABLE_KEYS,
  trainRecipe,
  type OptionChange,
  type Patch,
  type Recipe,
  type RunInfo,
} from "mutual-channel-loss/train";
import { rejected } from "../support/errors.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";

const folder = temporaryFolder();
const here = process.cwd();

afterEach(() => process.chdir(here));

const TINY: Recipe = parseRecipe({
  name: "tiny",
  network: { name: "small-resnet", channelsPerClass: 2, inputSize: 32, width: 8 },
  loss: { alpha: 1.5, beta: 2, keep: { drop: 0.5 } },
  epochs: 2,
  batchSize: 8,
  optimizer: { type: "adamw", learningRate: 0.01 },
});

/** A place with the folders `photos` and `run`, whose run was ended after so many steps. */
async function started(name: string, steps: number): Promise<string> {
  const place = join(folder(), name);
  await writeColorFolder(join(place, "photos"));
  process.chdir(place);
  for await (const event of trainRecipe(TINY, { dir: "photos", output: "run" })) {
    if (event.type === "step" && event.step === steps) break;
  }
  process.chdir(here);
  return place;
}

async function finish(output: string, options: Parameters<typeof prepareResume>[1] = {}) {
  using training = await prepareResume(output, options);
  return await training.fit();
}

const last = (output: string) => readFile(join(output, "checkpoints", "last.safetensors"));
const infoOf = async (output: string) =>
  JSON.parse(await readFile(join(output, "run.json"), "utf8")) as RunInfo;

describe("prepareResume", () => {
  let whole: Buffer;

  before(async () => {
    const place = await started("whole", Infinity);
    whole = await last(join(place, "run"));
  });

  it("goes on from any folder, though the images were given by a relative path", async () => {
    const place = await started("anywhere", 4);
    expect(await finish(join(place, "run"))).to.include({ epochs: 2 });
    expect((await last(join(place, "run"))).equals(whole)).to.equal(true);
  });

  it("finds images that have moved together with the run, and takes the folder of others", async () => {
    const place = await started("before", 4);
    const moved = join(folder(), "after");
    await rename(place, moved);
    await cp(moved, join(folder(), "apart"), { recursive: true });
    await finish(join(moved, "run"));
    expect((await last(join(moved, "run"))).equals(whole)).to.equal(true);

    const run = join(folder(), "apart", "run");
    await rename(join(folder(), "apart", "photos"), join(folder(), "pictures"));
    const error = await rejected(prepareResume(run));
    expect(error).to.include({ code: "ERR_DATASET", path: join(place, "photos") });
    expect(error.message).to.match(
      /is not at .*photos, or at .*photos any more: .*mcloss train DIR --resume RUN/,
    );
    await finish(run, { dir: relative(here, join(folder(), "pictures")) });
    expect((await last(run)).equals(whole)).to.equal(true);
    expect((await infoOf(run)).about["data"]).to.deep.equal({ dir: join(folder(), "pictures") });
  });

  it("begins a run anew that was ended before its first checkpoint", async () => {
    const place = await started("early", 2);
    const output = join(place, "run");
    await rm(join(output, "checkpoints"), { recursive: true });
    await mkdir(join(output, "checkpoints"));
    await finish(output);
    expect((await last(output)).equals(whole)).to.equal(true);
    await rm(join(output, "checkpoints", "last.safetensors"));
    const error = await rejected(finish(output));
    expect(error).to.include({
      code: "ERR_CHECKPOINT",
      path: join(output, "checkpoints", "last.safetensors"),
    });
    expect(error.message).to.match(/is missing. Bring it back from a copy/);
  });

  it("takes more epochs and tells of the change; what may not change it refuses by name", async () => {
    const output = join(await started("longer", Infinity), "run");
    const result = await finish(output, { change: { epochs: 3, optimizer: { learningRate: 0.005 } } });
    expect(result).to.include({ epochs: 3, stopped: false });
    const { options, changes } = await infoOf(output);
    expect(options).to.include({ epochs: 3 });
    const change = (option: string): OptionChange | undefined =>
      changes?.find((each) => each.option === option);
    expect(change("epochs")).to.deep.equal({ epoch: 3, option: "epochs", from: 2, to: 3 });
    expect(change("optimizer.learningRate")).to.deep.include({ from: 0.01, to: 0.005 });
    expect(RESUMABLE_KEYS).to.include("epochs");
    const refusal = async (patch: Patch) => rejected(prepareResume(output, { change: patch }));
    const size = await refusal({ batchSize: 4 });
    expect(size).to.include({ code: "ERR_ARGUMENT", argument: "batchSize" });
    expect(size.message).to.match(
      /is 8 in the run in .* and cannot become 4.*may change is epochs, schedule/,
    );
    expect(await refusal({ loss: { beta: 3 } })).to.include({ argument: "loss.beta" });
    expect(await refusal({ optimizer: { type: "sgd", learningRate: 0.1 } })).to.include({
      argument: "optimizer.type",
    });
    expect((await rejected(finish(output, { change: { epochs: 2 } }))).argument).to.equal("epochs");
  });
});
