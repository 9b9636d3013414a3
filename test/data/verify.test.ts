import { expect } from "chai";
import { copyFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { verifyDataset, type DatasetReport } from "mutual-channel-loss";
import { rejected } from "../support/errors.js";
import { copyFixture, fixture } from "./datasets.js";
import { makeFolder, plain, removeFolder, truncatedJpeg, write } from "./images.js";

const NOTHING = { counts: [], annotations: [], missing: [], corrupt: [], leaks: [], repeats: [] };

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
      expect(report).to.deep.include({ kind, classes, images, ...NOTHING, ok: true });
    });
  }

  it("compares counts with the published ones", async () => {
    const report = await verifyDataset(fixture("CUB_200_2011"), { kind: "cub200" });
    expect(report.counts).to.have.length(3);
    expect(report.ok).to.equal(false);
  });

  it("finds missing, empty, foreign and damaged images", async () => {
    const root = await copyFixture("CUB_200_2011", folder);
    const { samples } = await import("mutual-channel-loss").then(({ cub200 }) =>
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
    expect(quick.corrupt.map(({ path }) => path)).to.deep.equal([empty, foreign]);
    expect(quick.corrupt[0]?.reason).to.match(/empty/);
    const full = await verifyDataset(root, { allowPartial: true, full: true });
    expect(full.corrupt.map(({ path }) => path)).to.deep.equal([empty, foreign, cut]);
    expect(full.ok).to.equal(false);
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
