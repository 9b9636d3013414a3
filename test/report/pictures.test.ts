import { expect } from "chai";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { openDataset, saveModel, smallResNet, tensor, type Model } from "mutual-channel-loss";
import { normalize } from "mutual-channel-loss/data";
import { writeReport } from "mutual-channel-loss/report";
import { findConfusions } from "#lib/report/find-confusions.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { writeRecordedRun } from "../support/recorded-run.js";

const folder = temporaryFolder();
const HOSTILE = "<img src=x onerror=alert(1)>";
const CLASSES = [HOSTILE, "green", 'red & "co"'];
const PER_CLASS = 3;
let photos: string;
let run: string;
let model: Model;

/** A network that takes everything for its first class. */
function prejudiced(): Model {
  const info = { classNames: CLASSES, normalization: normalize() };
  const network = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8, info });
  const bias = network.state().find(({ tensor: { shape } }) => shape.join() === "3")!;
  network.loadStateDict({ [bias.name]: tensor([1000, 0, 0], { shape: [3] }) }, { strict: false });
  return network.eval();
}

before(async () => {
  photos = join(folder(), "photos");
  for (const [index, name] of CLASSES.entries()) {
    await mkdir(join(photos, name), { recursive: true });
    for (let i = 0; i < PER_CLASS; i += 1) {
      const background = { r: 60 * i, g: 80 * index, b: 90 };
      const image = sharp({ create: { width: 40, height: 30, channels: 3, background } });
      await image.png().toFile(join(photos, name, `${i}.png`));
    }
  }
  model = prejudiced();
  run = await writeRecordedRun(join(folder(), "run"));
  await mkdir(join(run, "checkpoints"));
  await saveModel(model, join(run, "checkpoints", "best.safetensors"));
});

async function pageOf(images: string | string[]): Promise<string> {
  const path = join(folder(), "report.html");
  await writeReport(run, path, { images });
  return readFile(path, "utf8");
}

describe("findConfusions()", () => {
  it("ranks the pairs of classes by how often one is taken for the other", async () => {
    const images = await openDataset(photos);
    const { evaluation, pairs, recognised } = await findConfusions(model, images, {
      pairs: 5,
      mistakesPerPair: 2,
    });
    expect(evaluation.accuracy).to.be.closeTo(1 / 3, 1e-9);
    expect(pairs.map(({ classes, counts }) => ({ classes, counts }))).to.deep.equal([
      { classes: [1, 0], counts: [3, 0] },
      { classes: [2, 0], counts: [3, 0] },
    ]);
    expect(pairs[0]!.mistakes.map(({ sample, predicted }) => [sample.path, predicted])).to.deep.equal([
      [join(photos, "green", "0.png"), 0],
      [join(photos, "green", "1.png"), 0],
    ]);
    expect([...recognised].map(([label, { path }]) => [label, path])).to.deep.equal([
      [0, join(photos, HOSTILE, "0.png")],
    ]);
  });
});

describe("writeReport() with images", () => {
  it("shows the most confused classes with examples, and what the channels look at", async () => {
    const page = await pageOf(photos);
    expect(page).to.contain("33.3%").and.contain("of the 9 images");
    expect(page).to.contain("3 images of green taken for &lt;img src=x onerror=alert(1)&gt;");
    const sources = [...page.matchAll(/<img\s+src="data:image\/(jpeg|webp);base64,([^"]+)"/g)];
    // Two pairs: the one class that was recognised, and three mistakes each. Two mistakes' channels, one recognised's.
    expect(sources.map(([, type]) => type)).to.deep.equal([
      ...Array<string>(8).fill("jpeg"),
      ...Array<string>(3).fill("webp"),
    ]);
    const [thumbnail, sheet] = [sources[0]!, sources.at(-1)!].map(([, , bytes]) =>
      Buffer.from(bytes!, "base64"),
    );
    expect(await sharp(thumbnail).metadata()).to.include({ width: 176, height: 176 });
    expect((await sharp(sheet).metadata()).width).to.be.at.least(1000);
  });

  it("takes the classes' names as text", async () => {
    const page = await pageOf(photos);
    expect(page.match(/<img(?!\s+src="data:)/g)).to.equal(null);
    expect(page).to.contain("red &amp; &quot;co&quot;");
  });

  it("shows the channels for single images", async () => {
    const page = await pageOf([join(photos, "green", "0.png")]);
    expect(page.match(/data:image\/webp/g)).to.have.length(1);
    expect(page).to.not.contain("Most confused classes");
  });

  it("takes a manifest", async () => {
    const rows = CLASSES.flatMap((name) =>
      Array.from({ length: PER_CLASS }, (_, i) => {
        return [join("photos", name, `${i}.png`), name, "test"]
          .map((cell) => `"${cell.replaceAll('"', '""')}"`)
          .join();
      }),
    );
    const manifest = join(folder(), "test.csv");
    await writeFile(manifest, `path,label,split\n${rows.join("\n")}\n`);
    const page = await pageOf(manifest);
    expect(page).to.contain("33.3%").and.contain("of the 9 images").and.contain("test.csv");
    expect(page.match(/data:image\/jpeg/g)).to.have.length(8);
    const both = await rejected(pageOf([manifest, photos]));
    expect(both.message).to.equal("images must be one folder, manifest or set of shards, or image files");
  });

  it("names what is wrong with the images", async () => {
    expect(await rejected(pageOf(join(folder(), "none")))).to.include({ argument: "images" });
    const mixed = await rejected(pageOf([photos, join(photos, "green", "0.png")]));
    expect(mixed.message).to.equal("images must be one folder, manifest or set of shards, or image files");
    expect(await rejected(pageOf(join(run, "run.json")))).to.include({ code: "ERR_IMAGE" });
  });

  it("stops when it is asked to", async () => {
    const options = { images: photos, signal: AbortSignal.abort() };
    const stopped = await rejected(writeReport(run, join(folder(), "never.html"), options));
    expect(stopped.code).to.equal("ERR_ABORTED");
  });
});
