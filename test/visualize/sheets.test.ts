import { expect } from "chai";
import { join } from "node:path";
import sharp from "sharp";
import { ImageFolder, Model, smallResNet } from "mutual-channel-loss";
import { centerCrop, resize } from "mutual-channel-loss/data";
import { findExcitingImages, renderClassSheet, renderImageSheet } from "mutual-channel-loss/visualize";
import { drawImageSheet } from "#lib/visualize/image-sheet.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { write } from "../support/image-files.js";
import { colorModel, EXACTLY, SIZE } from "./color-model.js";
import { writeScene } from "./scenes.js";

const PHOTO = { width: 90, height: 60 };
const PATCHES = [
  { color: "#f00", left: 10, top: 10, width: 20, height: 30 },
  { color: "#ff0", left: 40, top: 10, width: 20, height: 30 },
  { color: "#00f", left: 70, top: 30, width: 10, height: 20 },
];

const folder = temporaryFolder();
let path: string;

before(async () => {
  path = await writeScene(join(folder(), "scene.png"), PHOTO, PATCHES);
});

/** Where the sheet has a colour, as shares of its pixels. */
async function shareOf(png: Buffer, matches: (r: number, g: number, b: number) => boolean): Promise<number> {
  const { data, info } = await sharp(png)
    .removeAlpha()
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  let found = 0;
  for (let at = 0; at < data.length; at += 3)
    found += Number(matches(data[at]!, data[at + 1]!, data[at + 2]!));
  return found / (info.width * info.height);
}

// Not the yellow of the picture itself.
const isBright = (r: number, g: number, b: number) => r > 200 && g > 150 && b > 60 && b < 190;
const isOrange = (r: number, g: number, b: number) => r > 180 && g > 110 && g < 190 && b < 90;
const isSkyBlue = (r: number, g: number, b: number) => r < 130 && g > 130 && b > 180;

describe("renderImageSheet", () => {
  it("is a PNG of the width that was asked for", async () => {
    for (const options of [{ width: 480 }, {}]) {
      const { width = 1200 } = options;
      const metadata = await sharp(await renderImageSheet(colorModel(), path, options)).metadata();
      expect(metadata).to.include({ format: "png", width });
      expect(metadata.height).to.be.within(200, width);
    }
  });

  it("shows the predicted class and its rivals, or the class that was asked for", async () => {
    const model = colorModel();
    const { ranked, shown } = await drawImageSheet(model, path);
    expect(shown.map(({ name, start, count }) => [name, start, count])).to.deep.equal([
      ["red", 0, 2],
      ["blue", 2, 2],
    ]);
    expect(ranked[0]).to.include({ name: "red", index: 0 });
    expect(ranked[0]!.probability).to.be.above(0.5);
    const only = await drawImageSheet(model, path, { classIndex: 1, rivals: 0, width: 480 });
    expect(only.shown.map(({ name }) => name)).to.deep.equal(["blue"]);
  });

  it("leaves a model in its mode, where several are drawn at once too", async () => {
    const model = colorModel().train();
    await Promise.all([1, 2].map(() => renderImageSheet(model, path)));
    expect(model.training).to.equal(true);
  });

  it("differs between classes, and is the same again", async () => {
    const model = colorModel();
    const [red, blue, again] = [0, 1, 0].map((classIndex) =>
      renderImageSheet(model, path, { classIndex, rivals: 0, width: 480 }),
    );
    expect((await red!).equals(await blue!)).to.equal(false);
    expect((await red!).equals(await again!)).to.equal(true);
  });

  it("has heat, and the colours of the parts", async () => {
    const red = await renderImageSheet(colorModel(), path, { classIndex: 0, rivals: 0, width: 480 });
    const blue = await renderImageSheet(colorModel(), path, { classIndex: 1, rivals: 0, width: 480 });
    // Two patches light up for red, a smaller one for blue, which has no second part.
    expect(await shareOf(red, isBright)).to.be.above(1.5 * (await shareOf(blue, isBright)));
    expect(await shareOf(red, isOrange)).to.be.above(0.003);
    expect(await shareOf(red, isSkyBlue)).to.be.above(1.5 * (await shareOf(blue, isSkyBlue)));
  });

  it("shows nothing of the image itself without a background", async () => {
    // The model sees neither, as green is 0 in all its channels.
    const green = [{ color: "#0f0", left: 20, top: 10, width: 40, height: 30 }];
    const black = await writeScene(join(folder(), "black", "same", "x.png"), PHOTO, []);
    const other = await writeScene(join(folder(), "green", "same", "x.png"), PHOTO, green);
    const draw = (image: string, options: object) =>
      renderImageSheet(colorModel(), image, { width: 480, classIndex: 0, ...options });
    const [hidden, same] = [
      await draw(black, { background: "none" }),
      await draw(other, { background: "none" }),
    ];
    expect(hidden.equals(same)).to.equal(true);
    expect((await draw(black, {})).equals(await draw(other, {}))).to.equal(false);
    const none = await draw(path, { background: "none" });
    expect(await shareOf(none, isBright)).to.be.above(0.001);
    const wrong = draw(path, { background: "photo" });
    expect((await rejected(wrong)).message).to.match(/background must be one of image, none/);
  });

  it("shows a second model beside the first", async () => {
    const compare = colorModel({ transforms: [resize(36), centerCrop(SIZE), EXACTLY], head: "mlp" });
    const draw = (options: object) =>
      renderImageSheet(colorModel(), path, { width: 600, labels: ["a", "b"], ...options });
    const two = await draw({ compare });
    expect(await sharp(two).metadata()).to.include({ format: "png", width: 600 });
    expect(two.equals(await draw({ compare: colorModel() }))).to.equal(false);
    expect(two.equals(await draw({}))).to.equal(false);
  });

  it("draws names that are no XML", async () => {
    const { spec } = colorModel();
    const info = { classNames: ["<&\u0001\ud800>", "é".repeat(300)], normalization: EXACTLY };
    const png = await renderImageSheet(new Model(spec, { info }), path, { width: 480 });
    expect((await sharp(png).metadata()).width).to.equal(480);
  });

  it("is an error for a bad image, a wrong option, other classes and a model without groups", async () => {
    const model = colorModel();
    const bad = await write(join(folder(), "bad.png"), "not an image");
    expect(await rejected(renderImageSheet(model, bad))).to.include({ code: "ERR_IMAGE", path: bad });
    const missing = join(folder(), "missing.png");
    expect(await rejected(renderImageSheet(model, missing))).to.include({ code: "ERR_IMAGE", path: missing });
    const wrong = async (options: object) => (await rejected(renderImageSheet(model, path, options))).message;
    expect(await wrong({ rivals: -1 })).to.match(/rivals/);
    expect(await wrong({ width: 100 })).to.match(/width must be an integer of at least 480/);
    expect(await wrong({ classIndex: 7 })).to.match(/classIndex must be from 0 to 1/);
    const info = { normalization: EXACTLY };
    const other = smallResNet({ classes: 3, inputSize: SIZE, width: 8, info });
    expect(await wrong({ compare: other })).to.match(/compare must have the model's 2 classes, got 3/);
    const swapped = new Model(model.spec, { info: { ...info, classNames: ["blue", "red"] } });
    expect(await wrong({ compare: swapped })).to.match(/in their order: class 0 is red and blue/);
    const ungrouped = new Model({ ...model.spec, groups: [] }, { info });
    expect((await rejected(renderImageSheet(ungrouped, path))).message).to.match(/no channel groups/);
  });
});

describe("class sheets", () => {
  let images: ImageFolder;

  before(async () => {
    const patch = { left: 10, top: 10, width: 20, height: 30 };
    const photos: [string, string, string][] = [
      ["red", "1", "#f00"],
      ["red", "2", "#a00"],
      ["red", "3", "#ff0"],
      ["blue", "4", "#00f"],
      ["blue", "5", "#d00"],
    ];
    for (const [name, file, color] of photos) {
      await writeScene(join(folder(), "photos", name, `${file}.png`), PHOTO, [{ color, ...patch }]);
    }
    images = await ImageFolder.open(join(folder(), "photos"), { classes: ["red", "blue"] });
  });

  it("list the images that excite a channel most, the strongest first", async () => {
    const model = colorModel({ transforms: [resize({ height: SIZE, width: SIZE }), EXACTLY] });
    const found = await findExcitingImages(model, images, { batchSize: 2 });
    const names = found.map((row) => row.map(({ sample }) => sample.path.slice(-5, -4)));
    expect(names).to.deep.equal([["1", "5", "2"], ["3"], ["4"], []]);
    expect(found[0]!.map(({ activation }) => activation.toFixed(2))).to.deep.equal(["1.00", "0.87", "0.67"]);
    const [first] = await findExcitingImages(model, images, { count: 1 });
    expect(first!.map(({ sample }) => sample.path.slice(-5))).to.deep.equal(["1.png"]);
    expect((await rejected(findExcitingImages(colorModel(), images, { count: 0 }))).message).to.match(
      /count/,
    );
  });

  it("are PNGs of the width that was asked for, and differ", async () => {
    const model = colorModel();
    const found = await findExcitingImages(model, images);
    const red = await renderClassSheet(model, 0, found, { width: 480 });
    const blue = await renderClassSheet(model, 1, found, { width: 480 });
    expect(await sharp(red).metadata()).to.include({ format: "png", width: 480 });
    // The row of a channel that nothing excites has no images.
    expect((await sharp(blue).metadata()).height).to.be.below((await sharp(red).metadata()).height);
    expect(red.equals(blue)).to.equal(false);
  });

  it("show nothing of the images themselves without a background", async () => {
    const seen = { left: 10, top: 10, width: 20, height: 30, color: "#f00" };
    const unseen = { left: 60, top: 10, width: 20, height: 30, color: "#0f0" };
    const draw = async (patches: (typeof seen)[], background?: "none") => {
      const image = await writeScene(join(folder(), `${patches.length}`, "red", "1.png"), PHOTO, patches);
      const row = [{ sample: { path: image, label: 0 }, activation: 1 }];
      return renderClassSheet(colorModel(), 0, [row, []], { width: 480, background });
    };
    expect((await draw([seen], "none")).equals(await draw([seen, unseen], "none"))).to.equal(true);
    expect((await draw([seen])).equals(await draw([seen, unseen]))).to.equal(false);
  });
});
