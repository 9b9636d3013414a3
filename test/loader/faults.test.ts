import { expect } from "chai";
import { chmod, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { DataLoader, ImageFolder } from "mutual-channel-loss";
import { normalize, resize, type DataLoaderOptions, type Rgb } from "mutual-channel-loss/data";
import sharp from "sharp";
import { rejected } from "../support/errors.js";
import {
  halves,
  makeFolder,
  plain,
  removeFolder,
  truncatedJpeg,
  write,
  writeGreys,
} from "../support/image-files.js";
import { maximum } from "#lib/extremes.js";

const RAW = [resize(4), normalize({ mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] })];
const ORANGE: Rgb = [200, 100, 50];

/** What a file is, and what becomes of it: a colour at its top left, or a bad image whose reason matches. */
interface Row {
  name: string;
  file: string;
  bytes: () => Promise<Uint8Array>;
  outcome: Rgb | RegExp;
  /** Of the colour. */
  tolerance?: number;
}

const noise = (width: number, height: number) =>
  sharp({
    create: {
      width,
      height,
      channels: 3,
      background: "#888",
      noise: { type: "gaussian", mean: 128, sigma: 60 },
    },
  });
const half = (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1);

// Libvips has one text for all its threads' errors, so that another error may have taken it.
const DAMAGED = /premature|end of|unknown error/i;

const MATRIX: Row[] = [
  {
    name: "a zero-byte file",
    file: "x.jpg",
    bytes: () => Promise.resolve(new Uint8Array()),
    outcome: /empty|buffer|zero/i,
  },
  {
    name: "text",
    file: "x.jpg",
    bytes: () => Promise.resolve(Buffer.from("not an image")),
    outcome: /no image in a format that is read/,
  },
  { name: "a truncated JPEG", file: "x.jpg", bytes: truncatedJpeg, outcome: DAMAGED },
  {
    name: "a truncated progressive JPEG",
    file: "x.jpg",
    bytes: async () => half(await noise(80, 60).jpeg({ progressive: true }).toBuffer()),
    outcome: DAMAGED,
  },
  {
    // Without its last two, which only say that it ends, sharp may take it: its pixels are all there.
    name: "a JPEG that lacks its last 10 bytes",
    file: "x.jpg",
    bytes: async () => (await noise(80, 60).jpeg().toBuffer()).subarray(0, -10),
    outcome: DAMAGED,
  },
  {
    name: "a truncated PNG",
    file: "x.png",
    bytes: async () => half(await noise(64, 64).png().toBuffer()),
    outcome: /./,
  },
  {
    name: "a PNG with a flipped bit",
    file: "x.png",
    bytes: async () => {
      const bytes = await noise(64, 64).png().toBuffer();
      bytes[bytes.length >> 1]! ^= 16;
      return bytes;
    },
    outcome: /./,
  },
  {
    name: "a truncated WebP",
    file: "x.webp",
    bytes: async () => half(await noise(64, 64).webp().toBuffer()),
    outcome: /./,
  },
  {
    name: "a truncated GIF",
    file: "x.gif",
    bytes: async () => half(await noise(64, 64).gif().toBuffer()),
    outcome: /./,
  },
  { name: "a PNG called .jpg", file: "x.jpg", bytes: () => plain(ORANGE).png().toBuffer(), outcome: ORANGE },
  {
    name: "a JPEG called .png",
    file: "x.png",
    bytes: () => plain(ORANGE).jpeg({ quality: 100 }).toBuffer(),
    outcome: ORANGE,
    tolerance: 2,
  },
  {
    name: "a CMYK JPEG",
    file: "x.jpg",
    bytes: () => plain(ORANGE).toColourspace("cmyk").jpeg({ quality: 100 }).toBuffer(),
    outcome: ORANGE,
    tolerance: 40,
  },
  {
    name: "a 16-bit PNG",
    file: "x.png",
    bytes: () => plain(ORANGE).toColourspace("rgb16").png().toBuffer(),
    outcome: ORANGE,
  },
  {
    name: "a grey JPEG",
    file: "x.jpg",
    bytes: () => plain([90, 90, 90]).toColourspace("b-w").jpeg().toBuffer(),
    outcome: [90, 90, 90],
  },
  {
    name: "a grey 16-bit PNG",
    file: "x.png",
    bytes: () => plain([90, 90, 90]).toColourspace("grey16").png().toBuffer(),
    outcome: [90, 90, 90],
    tolerance: 1,
  },
  {
    name: "a transparent PNG, on white",
    file: "x.png",
    bytes: () => plain(ORANGE).ensureAlpha(0).png().toBuffer(),
    outcome: [255, 255, 255],
  },
  {
    name: "an animated GIF, by its first frame",
    file: "x.gif",
    bytes: () => animation([255, 0, 0], [0, 0, 255]).then((image) => image.gif().toBuffer()),
    outcome: [255, 0, 0],
  },
  {
    name: "an animated WebP, by its first frame",
    file: "x.webp",
    bytes: () =>
      animation([255, 0, 0], [0, 0, 255]).then((image) => image.webp({ lossless: true }).toBuffer()),
    outcome: [255, 0, 0],
  },
  ...[3, 6, 8].map((orientation): Row => {
    // Black is stored on the left: turned by 180° it is on the right, by 90° on top, by 270° at the bottom.
    const isBlack = orientation === 6;
    return {
      name: `a JPEG with the EXIF orientation ${orientation}, upright`,
      file: "x.jpg",
      bytes: async () =>
        (await halves([0, 0, 0], [255, 255, 255], 16, 16))
          .withMetadata({ orientation })
          .jpeg({ quality: 100 })
          .toBuffer(),
      outcome: isBlack ? [0, 0, 0] : [255, 255, 255],
      tolerance: 3,
    };
  }),
  {
    name: "a JPEG of 30,000 × 20 pixels",
    file: "x.jpg",
    bytes: () => plain(ORANGE, 30_000, 20).jpeg({ quality: 100 }).toBuffer(),
    outcome: ORANGE,
    tolerance: 2,
  },
  {
    name: "a PNG of 30,000 × 20 pixels",
    file: "x.png",
    bytes: () => plain(ORANGE, 30_000, 20).png().toBuffer(),
    outcome: ORANGE,
  },
  {
    name: "a PNG of 50,000 × 50,000 pixels",
    file: "x.png",
    bytes: () => Promise.resolve(bombPng(50_000)),
    outcome: /pixel limit/,
  },
  {
    name: "a JPEG that claims 65,000 × 65,000 pixels",
    file: "x.jpg",
    bytes: () => claimingJpeg(65_000),
    outcome: /pixel limit/,
  },
];

async function animation(...colors: Rgb[]) {
  const frames = await Promise.all(colors.map((color) => plain(color).png().toBuffer()));
  return sharp(frames, { join: { animated: true } });
}

/** A decompression bomb: black, `size` × `size`, in some hundred bytes of PNG. */
function bombPng(size: number): Uint8Array {
  const chunk = (type: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length);
    frame.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const pixels = deflateSync(Buffer.alloc(100_000));
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", pixels), chunk("IEND", Buffer.of())]);
}

/** A small JPEG whose header gives another size. */
async function claimingJpeg(size: number): Promise<Uint8Array> {
  const bytes = await plain(ORANGE).jpeg().toBuffer();
  const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]));
  bytes.writeUInt16BE(size, frame + 5);
  bytes.writeUInt16BE(size, frame + 7);
  return bytes;
}

/** To root everything is readable. */
async function asNobody(work: () => Promise<void>): Promise<void> {
  const root = process.geteuid?.() === 0;
  if (root) process.seteuid?.(65_534);
  try {
    await work();
  } finally {
    if (root) process.seteuid?.(0);
  }
}

describe("faulty images", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await makeFolder();
  });
  afterEach(() => removeFolder(dir));

  const open = async (options: Partial<DataLoaderOptions> = {}) =>
    new DataLoader(await ImageFolder.open(dir), { batchSize: 2, transforms: RAW, ...options });

  /** The batches' sizes, and each image's first pixel. */
  async function read(loader: DataLoader) {
    const sizes: number[] = [];
    const colors = new Map<string, number[]>();
    for await (const batch of loader) {
      const values = await batch.images.data();
      batch.paths.forEach((path, i) => {
        const at = (channel: number) => Math.round(Number(values[(i * 3 + channel) * 16]));
        colors.set(path, [at(0), at(1), at(2)]);
      });
      sizes.push(batch.size);
      batch.dispose();
    }
    return { sizes, colors };
  }

  for (const { name, file, bytes, outcome, tolerance = 0 } of MATRIX) {
    const good = !(outcome instanceof RegExp);
    it(`${name}: ${good ? `decoded` : "an error that names the file, or skipped"}`, async () => {
      await writeGreys(dir, 2);
      const path = await write(join(dir, "a", file), await bytes());
      if (good) {
        const color = (await read(await open())).colors.get(path) ?? [];
        const off = color.map((value, channel) => Math.abs(value - outcome[channel]!));
        expect(maximum(off), `is ${color.join(", ")}`).to.be.at.most(tolerance);
        return;
      }
      const error = await rejected(read(await open()));
      expect(error).to.include({ code: "ERR_IMAGE", path });
      expect(error.message).to.include(path);
      const skipping = await open({ onBadImage: "skip" });
      expect((await read(skipping)).sizes).to.deep.equal([2]);
      expect(skipping.skipped).to.have.length(1);
      expect(skipping.skipped[0]).to.include({ index: 1, path });
      expect(skipping.skipped[0]?.reason).to.match(outcome);
    });
  }

  it("refuses images of more pixels than allowed", async () => {
    await writeGreys(dir, 1);
    for (const format of ["jpeg", "png"] as const) {
      const image = await plain(ORANGE, 40, 25).toFormat(format).toBuffer();
      const path = await write(join(dir, "a", `x.${format}`), image);
      expect((await read(await open({ limitInputPixels: 1000 }))).colors.has(path)).to.equal(true);
      expect(await rejected(read(await open({ limitInputPixels: 999 })))).to.include({
        code: "ERR_IMAGE",
        path,
      });
      await rm(path);
    }
  });

  it("a file that vanishes mid-epoch: an error that names it, or skipped, and its batch refilled", async () => {
    for (const onBadImage of ["error", "skip"] as const) {
      await writeGreys(dir, 12);
      const loader = await open({ onBadImage, batchSize: 3, prefetch: 0, cacheBytes: 0 });
      const path = join(dir, "b", "05.png");
      const sizes: number[] = [];
      const reading = (async () => {
        for await (const batch of loader) {
          sizes.push(batch.size);
          batch.dispose();
          await rm(path, { force: true });
        }
      })();
      if (onBadImage === "error") expect(await rejected(reading)).to.include({ code: "ERR_IMAGE", path });
      else {
        await reading;
        expect(sizes).to.deep.equal([3, 3, 3, 2]);
        expect(loader.skipped).to.have.length(1);
        expect(loader.skipped[0])
          .to.include({ path })
          .and.have.property("reason")
          .that.equals("no such file or directory");
      }
    }
  });

  it("a link to nowhere, and a folder called like an image: as a file that is gone", async () => {
    await writeGreys(dir, 2);
    await symlink(join(dir, "nowhere"), join(dir, "a", "link.jpg"));
    expect(await rejected(read(await open()))).to.include({ path: join(dir, "a", "link.jpg") });
    await rm(join(dir, "a", "link.jpg"));
    await write(join(dir, "a", "folder.jpg", "inside.png"), await plain(ORANGE).png().toBuffer());
    expect((await read(await open())).colors.size).to.equal(3);
  });

  it("an unreadable file or folder: an error that names it", async () => {
    await writeGreys(dir, 2);
    const file = join(dir, "a", "00.png");
    await chmod(dir, 0o755);
    await chmod(file, 0);
    await asNobody(async () => {
      expect(await rejected(read(await open()))).to.include({ code: "ERR_IMAGE", path: file });
    });
    await chmod(join(dir, "b"), 0);
    await asNobody(async () => {
      expect(await rejected(open())).to.include({ code: "ERR_DATASET", path: join(dir, "b") });
    });
    await chmod(join(dir, "b"), 0o700);
  });

  for (const onBadImage of ["skip", "repair"] as const) {
    it(`gives each of many bad images its own reason: ${onBadImage}`, async () => {
      const jpeg = await sharp(await noise(90, 60).png().toBuffer())
        .withMetadata({ orientation: 3 })
        .jpeg()
        .toBuffer();
      const png = await noise(90, 60).png().toBuffer();
      const kinds = [
        { name: "jpg", bytes: half(jpeg), reason: /^VipsJpeg: premature end of JPEG image$/ },
        { name: "png", bytes: png.subarray(0, 2000), reason: /libpng read error/ },
        { name: "gif", bytes: Buffer.from("GIF89a and no more"), reason: /gif/i },
      ];
      await writeGreys(dir, 2);
      for (let i = 0; i < 24; i += 1) {
        const { name, bytes } = kinds[i % 3]!;
        await write(join(dir, "a", `bad ${i}.${name}`), bytes);
      }
      const loader = await open({ onBadImage, workers: 8, batchSize: 8 });
      await read(loader);
      const bad = [...loader.skipped, ...loader.repaired];
      expect(bad).to.have.length(24);
      for (const { path, reason } of bad) {
        expect(reason, path).to.match(kinds.find(({ name }) => path.endsWith(name))!.reason);
        expect(reason.split("\n"), path).to.have.length(1);
      }
      const { length } = loader.repaired.filter(({ path }) => path.endsWith("jpg"));
      expect(length).to.equal(onBadImage === "repair" ? 8 : 0);
    });
  }

  it("fills every batch but the last from what is readable, in order, whatever the prefetching", async () => {
    await writeGreys(dir, 20);
    for (const name of ["02", "04", "08", "18"]) await write(join(dir, "a", `${name}.png`), "bad");
    const expected = (await ImageFolder.open(dir)).samples
      .map(({ path }) => path)
      .filter((path) => !/a.(02|04|08|18)/.test(path));
    for (const prefetch of [0, 1, 5]) {
      const loader = await open({ onBadImage: "skip", batchSize: 3, prefetch });
      const { sizes, colors } = await read(loader);
      expect(sizes).to.deep.equal([3, 3, 3, 3, 3, 1]);
      expect([...colors.keys()]).to.deep.equal(expected);
      for (const [path, [red]] of colors) expect(red).to.equal(10 * Number(/(\d+)\.png/.exec(path)![1]));
      expect(loader.skipped.map(({ index }) => index)).to.deep.equal([1, 2, 4, 9]);
      const dropping = await open({ onBadImage: "skip", batchSize: 3, prefetch, dropLast: true });
      expect((await read(dropping)).sizes).to.deep.equal([3, 3, 3, 3, 3]);
      expect(dropping.skipped).to.have.length(4);
    }
  });
});
