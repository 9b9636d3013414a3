import { expect } from "chai";
import { copyFile, link, mkdir, rm, truncate, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { crc32 } from "node:zlib";
import sharp, { type Sharp } from "sharp";
import { verifyDataset, type DatasetReport } from "mutual-channel-loss/data";
import { rejected } from "../support/errors.js";
import { copyFixture, fixture } from "../support/datasets.js";
import { makeFolder, plain, removeFolder, truncatedJpeg, write } from "../support/image-files.js";

const NOTHING = { counts: [], annotations: [], missing: [], corrupt: [], boxes: [], leaks: [], repeats: [] };

function noise(): Sharp {
  const noise = { type: "gaussian", mean: 128, sigma: 60 } as const;
  return sharp({ create: { width: 120, height: 80, channels: 3, background: "#888", noise } });
}

describe("verifyDataset", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await makeFolder();
  });
  afterEach(() => removeFolder(folder));

  for (const [path, kind, classes, images] of [
    ["CUB_200_2011", "cub200", 3, { train: 6, test: 6 }],
    ["stanford_cars", "stanford-cars", 3, { train: 5, test: 4 }],
    ["stanford_cars_whole", "stanford-cars", 3, { train: 3, test: 3 }],
    ["fgvc-aircraft-2013b", "fgvc-aircraft", 4, { train: 4, val: 4, test: 4 }],
    ["flowers-102", "flowers102", 102, { train: 2, val: 2, test: 5 }],
    ["CUB_200_2011/images", "folder", 3, { all: 12 }],
    ["manifest/birds.csv", "manifest", 2, { train: 2, test: 2 }],
  ] as const) {
    it(`finds ${path} in order, and tells its kind`, async () => {
      const report = await verifyDataset(fixture(path), { full: true, allowPartial: true });
      const { boxes, ...others } = NOTHING;
      expect(report).to.deep.include({ kind, classes, images, ...others, ok: true });
      // As a few do in the published sets.
      expect(report.boxes).to.have.length(path === "stanford_cars_whole" ? 1 : boxes.length);
    });
  }

  it("compares counts with the published ones", async () => {
    const report = await verifyDataset(fixture("CUB_200_2011"), { kind: "cub200" });
    expect(report.counts).to.have.length(3);
    expect(report.ok).to.equal(false);
  });

  it("finds missing, empty, foreign and damaged images", async () => {
    const root = await copyFixture("CUB_200_2011", folder);
    const { samples } = await import("mutual-channel-loss/data").then(({ cub200 }) =>
      cub200(root, { allowPartial: true }),
    );
    const [missing, empty, foreign, cut] = samples.map(({ path }) => path) as [
      string,
      string,
      string,
      string,
    ];
    await rm(missing);
    await truncate(empty, 0);
    await writeFile(foreign, "<html>404</html>");
    await writeFile(cut, await truncatedJpeg());
    const quick = await verifyDataset(root, { allowPartial: true });
    expect(quick.missing).to.deep.equal([missing]);
    expect(quick.corrupt.map(({ path }) => path)).to.deep.equal([empty, foreign, cut]);
    expect(quick.corrupt[0]?.reason).to.match(/empty/);
    const full = await verifyDataset(root, { allowPartial: true, full: true });
    expect(full.corrupt).to.deep.equal(quick.corrupt);
    expect(full.ok).to.equal(false);
  });

  /** Bytes of two classes' images, by name; gives the report. */
  async function verifyImages(
    images: Readonly<Record<string, Uint8Array>>,
    full = false,
  ): Promise<DatasetReport> {
    for (const [name, bytes] of Object.entries(images)) await write(join(folder, name), bytes);
    return verifyDataset(folder, { full });
  }

  it("finds what is cut off by its end, and takes what has more after it", async () => {
    const jpeg = Buffer.from(await noise().jpeg().toBuffer());
    const png = await noise().png().toBuffer();
    const preview = await sharp(jpeg).resize(16).jpeg().toBuffer();
    // A JPEG within the JPEG's header.
    const block = Buffer.concat([Buffer.from([0xff, 0xe3, 0, 0]), preview]);
    block.writeUInt16BE(preview.length + 2, 2);
    const previewed = Buffer.concat([jpeg.subarray(0, 2), block, jpeg.subarray(2)]);
    const report = await verifyImages({
      "a/whole.jpg": jpeg,
      "a/longer.jpg": Buffer.concat([jpeg, Buffer.alloc(1000, 1)]),
      "a/longer.png": Buffer.concat([png, Buffer.alloc(40_000, 2)]),
      "b/preview.jpg": previewed,
      "b/cut-20.jpg": jpeg.subarray(0, -20),
      "b/cut-previewed.jpg": previewed.subarray(0, -500),
      "b/cut.png": png.subarray(0, -500),
    });
    const names = report.corrupt.map(({ path }) => relative(folder, path));
    expect(names).to.deep.equal(["b/cut-20.jpg", "b/cut-previewed.jpg", "b/cut.png"]);
    expect(report.ok).to.equal(false);
  });

  it("finds images of more pixels than training takes", async () => {
    const huge = Buffer.from(await plain([1, 2, 3]).png().toBuffer());
    huge.writeUInt32BE(60_000, 16);
    huge.writeUInt32BE(60_000, 20);
    huge.writeUInt32BE(crc32(huge.subarray(12, 29)), 29);
    const { corrupt } = await verifyImages({
      "a/1.png": huge,
      "b/1.png": await plain([4, 5, 6]).png().toBuffer(),
    });
    expect(corrupt).to.have.length(1);
    expect(corrupt[0]?.reason).to.match(/pixel/);
  });

  for (const full of [false, true]) {
    it(`gives each file its own reason, of many that are bad at once${full ? ", decoded" : ""}`, async () => {
      const cut = Buffer.from(await truncatedJpeg());
      const png = await noise().png().toBuffer();
      const kinds: [string, Uint8Array, RegExp][] = [
        ["jpg", cut, /^VipsJpeg: premature end of JPEG image$/],
        ["png", png.subarray(0, 2000), /libpng read error/],
        ["gif", Buffer.from("<html>404</html>"), /unsupported image format|no image/],
      ];
      const images = Array.from({ length: 30 }, (_, i) => {
        const [extension, bytes] = kinds[i % 3]!;
        return [`${i % 2 ? "a" : "b"}/${String(i).padStart(2, "0")}.${extension}`, bytes] as const;
      });
      const { corrupt } = await verifyImages(Object.fromEntries(images), full);
      expect(corrupt).to.have.length(30);
      for (const { path, reason } of corrupt) {
        const [, , message] = kinds.find(([extension]) => path.endsWith(extension))!;
        expect(reason, path).to.match(message);
        expect(reason.split("\n")).to.have.length(1);
      }
    });
  }

  it("finds boxes that reach past their image, as its pixels are stored", async () => {
    await write(join(folder, "wide.png"), await plain([1, 2, 3], 20, 10).png().toBuffer());
    await write(
      join(folder, "turned.jpg"),
      await plain([4, 5, 6], 20, 10).withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    );
    await write(join(folder, "past.webp"), await plain([7, 8, 9], 20, 10).webp().toBuffer());
    const rows = ["wide.png,a,0,0,20,10", "turned.jpg,b,10,5,10,5", "past.webp,b,10,5,10,5.5"];
    const manifest = await write(join(folder, "m.csv"), ["path,label,x,y,width,height", ...rows].join("\n"));
    const report = await verifyDataset(manifest);
    expect(report.corrupt).to.deep.equal([]);
    expect(report.boxes).to.have.length(1);
    expect(report.boxes[0]).to.contain(join(folder, "past.webp")).and.contain("20 × 10");
    expect(report.ok).to.equal(false);
  });

  it("finds classes that cannot be trained", async () => {
    const png = await plain([1, 2, 3]).png().toBuffer();
    await write(join(folder, "jay/1.png"), png);
    const alone = await verifyDataset(folder);
    expect(alone.annotations.join()).to.match(/one class alone, "jay"/);
    expect(alone.ok).to.equal(false);
    await mkdir(join(folder, "wren"));
    const empty = await verifyDataset(folder, { full: true });
    expect(empty.annotations.join()).to.contain(`${join(folder, "wren")}: has no image`);
  });

  it("reads no more of files than tells them apart", async () => {
    const bytes = Buffer.concat([await plain([1, 2, 3]).png().toBuffer(), Buffer.alloc(100_000, 7)]);
    const other = Buffer.from(bytes);
    other[50_000] = 8;
    await write(join(folder, "a/1.png"), bytes);
    await write(join(folder, "a/2.png"), other);
    await write(join(folder, "b/1.png"), await plain([4, 5, 6]).png().toBuffer());
    expect((await verifyDataset(folder)).repeats).to.deep.equal([]);
    await link(join(folder, "a/1.png"), join(folder, "a/3.png"));
    expect((await verifyDataset(folder)).repeats).to.deep.equal([
      ["a/1.png", "a/3.png"].map((name) => join(folder, name)),
    ]);
  });

  it("collects every bad line of the annotations", async () => {
    const root = await copyFixture("CUB_200_2011", folder);
    await write(join(root, "image_class_labels.txt"), "1 1\n2\n3 9\n4 1\n4 1\n77 1\n");
    const { annotations, images } = await verifyDataset(root);
    const labels = join(root, "image_class_labels.txt");
    expect(annotations.slice(0, 3)).to.deep.equal([
      `${labels}:2: has no "image-id class-id", got "2"`,
      `${labels}:5: has 4 again, which line 4 has: remove one`,
      `${labels}:6: is about image "77", which images.txt does not have`,
    ]);
    expect(annotations).to.include(`${labels}:3: the class must be from 1 to 3, got "9"`);
    expect(annotations).to.include(
      `${join(root, "images.txt")}:12: image 12 is not in image_class_labels.txt`,
    );
    expect(images).to.deep.equal({ train: 1, test: 1 });
  });

  it("finds images that come twice, and tells those across splits and classes", async () => {
    const image = async (color: number) => plain([color, 0, 0]).png().toBuffer();
    const put = async (name: string, color: number) => write(join(folder, name), await image(color));
    for (const [i, name] of [
      "train/jay/1.png",
      "train/jay/2.png",
      "train/wren/1.png",
      "test/jay/1.png",
      "test/wren/1.png",
    ].entries()) {
      await put(name, 10 * i);
    }
    const clean = await verifyDataset(folder);
    expect(clean).to.deep.include({ kind: "folder", images: { train: 3, test: 2 }, ...NOTHING, ok: true });
    await put("train/jay/again.png", 0);
    const repeated = await verifyDataset(folder);
    expect(repeated.repeats).to.deep.equal([
      ["train/jay/1.png", "train/jay/again.png"].map((name) => join(folder, name)),
    ]);
    expect(repeated.ok).to.equal(true);
    await put("test/jay/leak.png", 20);
    const leaking = await verifyDataset(folder);
    expect(leaking.leaks).to.deep.equal([
      ["train/wren/1.png", "test/jay/leak.png"].map((name) => join(folder, name)),
    ]);
    expect(leaking.ok).to.equal(false);
  });

  it("takes the duplicates of a published set as they are", async () => {
    const root = await copyFixture("flowers-102", folder);
    await copyFile(join(root, "jpg/image_00003.jpg"), join(root, "jpg/image_00002.jpg"));
    const { leaks, ok }: DatasetReport = await verifyDataset(root, { allowPartial: true });
    expect(leaks).to.have.length(1);
    expect(ok).to.equal(true);
  });

  it("stops when aborted, and reports its steps", async () => {
    const steps: string[] = [];
    await verifyDataset(fixture("manifest/birds.csv"), {
      onProgress: (step, done, total) => steps.push(`${step} ${done}/${total}`),
    });
    expect(steps).to.include("checking images 4/4");
    const error = await rejected(
      verifyDataset(fixture("manifest/birds.csv"), { signal: AbortSignal.abort() }),
    );
    expect(error.code).to.equal("ERR_ABORTED");
  });
});
