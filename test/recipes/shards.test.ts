import { expect } from "chai";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseRecipe, prepareResume, trainRecipe, type Recipe } from "mutual-channel-loss/train";
import { prepareRecipe } from "#lib/recipes/train-recipe.js";
import { rejected } from "../support/errors.js";
import { write } from "../support/image-files.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { localServers } from "../support/local-server.js";
import { mclossIn } from "../support/mcloss.js";
import { ownCache } from "../support/own-cache.js";
import { serveRanges, tarOf } from "../support/shards.js";

const folder = temporaryFolder();
const path = (...names: string[]) => join(folder(), ...names);

const TINY: Recipe = parseRecipe({
  name: "tiny",
  network: { name: "small-resnet", channelsPerClass: 2, inputSize: 32, width: 8 },
  loss: { alpha: 1.5, beta: 2, keep: { drop: 0.5 } },
  transforms: { train: "flip" },
  epochs: 2,
  batchSize: 8,
  optimizer: { type: "adamw", learningRate: 0.01 },
});

const last = (output: string) => readFile(join(output, "checkpoints", "last.safetensors"));

async function run(recipe: Recipe, dir: string, output: string, steps = Infinity): Promise<Buffer> {
  for await (const event of trainRecipe(recipe, { dir, output })) {
    if (event.type === "step" && event.step === steps) break;
  }
  return last(output);
}

describe("training from shards", () => {
  ownCache(() => path("cache"));
  const listen = localServers();

  before(async () => {
    const photos = await writeColorFolder(path("photos"));
    // The images in the order of the folder, dealt to three shards of eight.
    const files: [string, Buffer][] = [];
    for (const name of (await readdir(photos)).sort()) {
      for (const image of (await readdir(join(photos, name))).sort()) {
        files.push([`${name}/${image}`, await readFile(join(photos, name, image))]);
      }
    }
    for (let shard = 0; shard < 3; shard += 1) {
      const part = Object.fromEntries(files.slice(8 * shard, 8 * shard + 8));
      await write(path("shards", `photos-${shard}.tar`), tarOf(part));
    }
  });

  const shards = async () =>
    new Map(
      await Promise.all(
        [0, 1, 2].map(async (number) => {
          const name = `photos-${number}.tar`;
          return [name, await readFile(path("shards", name))] as const;
        }),
      ),
    );

  it("gives the weights that training from the folder gives", async () => {
    const ofFolder = await run(TINY, path("photos"), path("of-folder"));
    const ofShards = await run(TINY, path("shards", "photos-{0..2}.tar"), path("of-shards"));
    expect(ofShards.equals(ofFolder)).to.equal(true);
  });

  it("reads shards on a server nearly as they lie, and goes on in the middle of an epoch bit for bit", async () => {
    const asked: [string, string][] = [];
    const { url } = await listen(serveRanges(await shards(), asked));
    const recipe = { ...TINY, dataset: { shuffleBuffer: 4 } };
    const whole = await run(recipe, `${url}/photos-{0..2}.tar`, path("whole"));
    await run(recipe, `${url}/photos-{0..2}.tar`, path("ended"), 4);
    using training = await prepareResume(path("ended"));
    await training.fit();
    expect((await last(path("ended"))).equals(whole)).to.equal(true);
    expect(training.train.describe().sampler).to.deep.equal({ type: "shuffleBuffer", buffer: 4, streams: 1 });
    // A look at each for its size; all of it once; and once for its images, which are kept.
    expect(asked.filter(([name]) => name === "photos-1.tar").length).to.be.below(10);
  });

  it("ends with an error that names a shard that dies, also where bad images are skipped", async () => {
    const served = await shards();
    const { url } = await listen((request, response) => serveRanges(served)(request, response));
    const recipe: Recipe = { ...TINY, onBadImage: "skip", dataset: { shuffleBuffer: 1 } };
    using training = await prepareRecipe(recipe, { dir: `${url}/photos-{0..2}.tar` });
    served.delete("photos-1.tar");
    const error = await rejected(training.fit().then(() => undefined));
    expect(error.code).to.equal("ERR_DATASET");
    expect(error.message).to.match(/cannot read the shard http:.*photos-1\.tar \(the server answered 404\)/);
  });

  it("is a command", async () => {
    const place = path("shards", "photos-{0..2}.tar");
    const { code, stderr, stdout } = await mclossIn(
      folder(),
      ...["train", place, "--epochs", "1", "--batch-size", "8", "--set", "network.inputSize=32"],
      ...["--shuffle-buffer", "6", "--out", path("command"), "--json", "--device", "cpu"],
    );
    expect(code, stderr).to.equal(0);
    const info = JSON.parse(await readFile(path("command", "run.json"), "utf8")) as {
      about: { data: { dir: string }; recipe: Recipe };
    };
    expect(info.about.data.dir).to.equal(place);
    expect(info.about.recipe.dataset).to.deep.equal({ shuffleBuffer: 6 });
    expect(stdout).to.contain('"type":"result"');
  });
});
