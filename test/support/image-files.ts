import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp, { type Sharp } from "sharp";

export type Color = readonly [number, number, number];

/** A folder for one test, under the system's folder for temporary files. */
export async function makeFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "mcloss-data-"));
}

export async function removeFolder(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true });
}

/** A picture of one colour. */
export function plain([r, g, b]: Color, width = 8, height = 8): Sharp {
  return sharp({ create: { width, height, channels: 3, background: { r, g, b } } });
}

/** A picture whose left half has one colour and whose right half another. */
export async function halves(left: Color, right: Color, width = 8, height = 8): Promise<Sharp> {
  const input = await plain(right, width / 2, height)
    .png()
    .toBuffer();
  return sharp(
    await plain(left, width, height)
      .composite([{ input, left: width / 2, top: 0 }])
      .png()
      .toBuffer(),
  );
}

/** Writes a file, and the folders it lies in. */
export async function write(path: string, data: Uint8Array | string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, data);
  return path;
}

/** Grey images named by their number in classes "a" and "b", in turn; image i has the grey level 10·i. */
export async function writeGreys(dir: string, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const level = 10 * i;
    const name = `${String(i).padStart(2, "0")}.png`;
    await write(
      join(dir, i % 2 === 0 ? "a" : "b", name),
      await plain([level, level, level]).png().toBuffer(),
    );
  }
}

/** The first half of a JPEG. */
export async function truncatedJpeg(): Promise<Uint8Array> {
  const noise = { type: "gaussian", mean: 128, sigma: 60 } as const;
  const whole = await sharp({ create: { width: 120, height: 80, channels: 3, background: "#888", noise } })
    .jpeg()
    .toBuffer();
  return whole.subarray(0, whole.length >> 1);
}
