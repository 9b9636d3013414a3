import { expect } from "chai";
import { join } from "node:path";
import { type Dataset, type TransformSpec } from "mutual-channel-loss";
import { centerCrop, datasetFrom, fiveCrop, resize, type Box } from "mutual-channel-loss/data";
import { evaluateLocalisation, findExcitingImages } from "mutual-channel-loss/visualize";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { colorModel, EXACTLY, SIZE } from "./color-model.js";
import { writeScene, type Patch } from "./scenes.js";

const UPRIGHT = { width: 90, height: 60 };
const RED: Patch = { color: "#f00", left: 36, top: 12, width: 24, height: 30 };
const BOX: Box = { x: RED.left, y: RED.top, width: RED.width, height: RED.height };
/** Where a camera that was turned stores the same box: EXIF orientation 6. */
const STORED: Box = { x: 12, y: 30, width: 30, height: 24 };
const ELSEWHERE: Box = { x: 0, y: 48, width: 10, height: 10 };

const folder = temporaryFolder();
let upright: string;
let turned: string;

before(async () => {
  upright = await writeScene(join(folder(), "upright.png"), UPRIGHT, [RED]);
  turned = await writeScene(join(folder(), "turned.jpg"), UPRIGHT, [RED], 6);
});

function dataset(...images: (readonly [string, number, Box?])[]): Promise<Dataset> {
  const samples = images.map(([path, label, box]) => ({ path, label, ...(box ? { box } : {}) }));
  return datasetFrom(samples, { classes: ["red", "blue"] });
}

const TRANSFORMS: Record<string, readonly TransformSpec[] | undefined> = {
  "an exact size": undefined,
  "a crop": [resize(36), centerCrop(SIZE), EXACTLY],
  "five crops": [resize(36), fiveCrop(SIZE), EXACTLY],
};

describe("evaluateLocalisation", () => {
  it("ends when it is aborted while an image never comes, as the search for exciting images does", async () => {
    const source = () => new Promise<Uint8Array>(() => undefined);
    const images = await datasetFrom([{ path: "never", label: 0, box: BOX, source }], {
      classes: ["red", "blue"],
    });
    for (const look of [evaluateLocalisation, findExcitingImages]) {
      const controller = new AbortController();
      const looking = look(colorModel(), images, { signal: controller.signal });
      setImmediate(() => controller.abort());
      expect(await rejected(looking)).to.include({ code: "ERR_ABORTED" });
    }
  });

  for (const [name, transforms] of Object.entries(TRANSFORMS)) {
    it(`finds what is in the box, of a turned image too: ${name}`, async () => {
      const images = await dataset([upright, 0, BOX], [turned, 0, STORED]);
      const {
        channels,
        cam,
        images: count,
      } = await evaluateLocalisation(colorModel(transforms ? { transforms } : {}), images);
      expect(count).to.equal(2);
      expect(channels.pointing).to.equal(1);
      expect(channels.iou).to.be.within(0.75, 1);
      expect(cam).to.include({ method: "CAM", pointing: 1 });
      expect(cam.iou).to.be.closeTo(channels.iou, 0.01);
    });
  }

  it("averages over the images that have a box", async () => {
    const images = await dataset([upright, 0, BOX], [upright, 0, ELSEWHERE], [upright, 0]);
    const both = await evaluateLocalisation(colorModel(), images, { batchSize: 1 });
    const one = await evaluateLocalisation(colorModel(), await dataset([upright, 0, BOX]));
    expect(both.images).to.equal(2);
    expect(both.channels.pointing).to.equal(0.5);
    expect(both.channels.iou).to.be.closeTo(one.channels.iou / 2, 1e-6);
  });

  it("looks at the channels of the image's own class, where nothing finds nothing", async () => {
    const { channels, cam } = await evaluateLocalisation(
      colorModel({ head: "mlp" }),
      await dataset([upright, 1, BOX]),
    );
    expect(channels).to.deep.equal({ pointing: 0, iou: 0 });
    expect(cam).to.deep.equal({ pointing: 0, iou: 0, method: "Grad-CAM" });
  });

  it("compares with all of the box, where a crop cuts it", async () => {
    const wide: Patch = { ...RED, left: 0, width: 90 };
    const path = await writeScene(join(folder(), "wide.png"), UPRIGHT, [wide]);
    const images = await dataset([path, 0, { ...BOX, x: 0, width: 90 }]);
    const { channels } = await evaluateLocalisation(
      colorModel({ transforms: TRANSFORMS["a crop"]! }),
      images,
    );
    // Of 90 columns the model sees 53.3.
    expect(channels.iou).to.be.closeTo(53.3 / 90, 0.07);
  });

  it("is an error for a set without boxes", async () => {
    const error = await rejected(evaluateLocalisation(colorModel(), await dataset([upright, 0])));
    expect(error.code).to.equal("ERR_DATASET");
    expect(error.message).to.match(/no boxes .* bounding_boxes\.txt/);
  });
});
