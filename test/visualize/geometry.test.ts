import { expect } from "chai";
import { join } from "node:path";
import { type TransformSpec } from "mutual-channel-loss";
import { centerCrop, fiveCrop, randomAffine, resize } from "mutual-channel-loss/data";
import { EncodedImage } from "#lib/image/encoded-image.js";
import { uprightBox } from "#lib/data/boxes.js";
import { lookAt } from "#lib/visualize/image-activations.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { colorModel, EXACTLY, SIZE } from "./color-model.js";
import { writeScene } from "./scenes.js";

const UPRIGHT = { width: 90, height: 60 };
const RED = { color: "#f00", left: 20, top: 6, width: 12, height: 18 };
const BLUE = { color: "#00f", left: 60, top: 40, width: 10, height: 14 };
/** How far interpolation, down to the model's pixels and up again, may carry a colour, in the image's pixels. */
const BLUR = 5;

const folder = temporaryFolder();

async function look(path: string, transforms?: readonly TransformSpec[]) {
  const model = colorModel(transforms ? { transforms } : {});
  const image = new EncodedImage(path);
  return lookAt(model, { image, size: await image.header(), choose: () => [0, 1] });
}

/** Expects a map to be strong in the patch and nothing outside of it, where the model saw the image. */
function expectLit(map: Float32Array, seen: Float32Array, patch: typeof RED) {
  for (let y = 0; y < UPRIGHT.height; y += 1) {
    for (let x = 0; x < UPRIGHT.width; x += 1) {
      const place = y * UPRIGHT.width + x;
      const [right, bottom] = [patch.left + patch.width, patch.top + patch.height];
      const inside = x >= patch.left + BLUR && x < right - BLUR && y >= patch.top + BLUR && y < bottom - BLUR;
      const outside =
        x < patch.left - BLUR || x >= right + BLUR || y < patch.top - BLUR || y >= bottom + BLUR;
      if (inside && seen[place]) expect(map[place], `(${x}, ${y})`).to.be.above(0.6);
      if (outside || !seen[place]) expect(map[place], `(${x}, ${y})`).to.be.below(0.1);
    }
  }
}

const seenColumns = (seen: Float32Array) =>
  Array.from({ length: UPRIGHT.width }, (_, x) => seen[30 * UPRIGHT.width + x]!);

describe("maps on the image", () => {
  for (const orientation of [1, 2, 3, 4, 5, 6, 7, 8]) {
    it(`lie where the image is, stored with EXIF orientation ${orientation}`, async () => {
      for (const extension of ["png", "jpg"]) {
        const path = await writeScene(
          join(folder(), `${orientation}.${extension}`),
          UPRIGHT,
          [RED, BLUE],
          orientation,
        );
        const { classes, seen, width, height } = await look(path, [resize(36), centerCrop(SIZE), EXACTLY]);
        expect([width, height]).to.deep.equal([UPRIGHT.width, UPRIGHT.height]);
        expectLit(classes[0]!.channels[0]!, seen, RED);
        expectLit(classes[1]!.channels[0]!, seen, BLUE);
      }
    });
  }

  it("end where the crop ends", async () => {
    const path = await writeScene(join(folder(), "crop.png"), UPRIGHT, [RED, BLUE]);
    // 90 × 60 becomes 54 × 36; of that the middle 32 columns from column 11 on, so 18.3 to 71.7 of the image.
    const { seen } = await look(path, [resize(36), centerCrop(SIZE), EXACTLY]);
    const columns = seenColumns(seen);
    expect(columns.indexOf(1)).to.equal(18);
    expect(columns.lastIndexOf(1)).to.equal(71);
    // Rows 2 to 34 of 36: 3.3 to 56.7.
    const rows = Array.from({ length: UPRIGHT.height }, (_, y) => seen[y * UPRIGHT.width + 45]!);
    expect([rows.indexOf(1), rows.lastIndexOf(1)]).to.deep.equal([3, 56]);
  });

  it("undo a change of the aspect, and see everything", async () => {
    const path = await writeScene(join(folder(), "aspect.png"), UPRIGHT, [RED, BLUE]);
    const { classes, seen } = await look(path);
    expectLit(classes[0]!.channels[0]!, seen, RED);
    expect(seen.every((value) => value === 1)).to.equal(true);
  });

  it("do not reach into what a crop puts around an image", async () => {
    const path = await writeScene(join(folder(), "padded.png"), UPRIGHT, [RED, BLUE]);
    const { classes, seen } = await look(path, [
      resize({ height: 20, width: 30 }),
      centerCrop(SIZE),
      EXACTLY,
    ]);
    expectLit(classes[0]!.channels[0]!, seen, RED);
    expect(seen.every((value) => value === 1)).to.equal(true);
  });

  it("join several views", async () => {
    const path = await writeScene(join(folder(), "views.png"), UPRIGHT, [RED, BLUE]);
    for (const type of ["fiveCrop", "tenCrop"] as const) {
      const { classes, seen } = await look(path, [resize(36), { ...fiveCrop(SIZE), type }, EXACTLY]);
      expectLit(classes[0]!.channels[0]!, seen, RED);
      expectLit(classes[1]!.channels[0]!, seen, BLUE);
      // The corners of 54 × 36 reach everywhere but to the middle of the upper and the lower edge.
      expect(
        seenColumns(seen).every((value) => value === 1),
        type,
      ).to.equal(true);
    }
  });

  it("are an error where the transforms turn images", async () => {
    const path = await writeScene(join(folder(), "turned.png"), UPRIGHT, [RED]);
    const error = await rejected(look(path, [resize(SIZE), randomAffine({ degrees: 10 }), EXACTLY]));
    expect(error.code).to.equal("ERR_ARGUMENT");
    expect(error.message).to.match(/randomAffine/);
  });

  it("need a class that there is", async () => {
    const path = await writeScene(join(folder(), "class.png"), UPRIGHT, [RED]);
    const image = new EncodedImage(path);
    const request = { image, size: await image.header(), choose: () => [2] };
    expect((await rejected(lookAt(colorModel(), request))).message).to.match(
      /classIndex must be from 0 to 1/,
    );
  });
});

describe("uprightBox", () => {
  // A box near the upper left corner of the upright image, as each orientation stores it.
  const upright = { x: 2, y: 1, width: 4, height: 3 };
  const stored: Record<number, typeof upright> = {
    1: { x: 2, y: 1, width: 4, height: 3 },
    2: { x: 4, y: 1, width: 4, height: 3 },
    3: { x: 4, y: 2, width: 4, height: 3 },
    4: { x: 2, y: 2, width: 4, height: 3 },
    5: { x: 1, y: 2, width: 3, height: 4 },
    6: { x: 1, y: 4, width: 3, height: 4 },
    7: { x: 2, y: 4, width: 3, height: 4 },
    8: { x: 2, y: 2, width: 3, height: 4 },
  };

  for (const [orientation, box] of Object.entries(stored)) {
    it(`turns with EXIF orientation ${orientation}`, () => {
      const header = { width: 10, height: 6, format: "jpeg" as const, orientation: Number(orientation) };
      expect(uprightBox(box, header)).to.deep.equal(upright);
    });
  }
});
