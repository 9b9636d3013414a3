import { join } from "node:path";
import { mkdir, writeFile } from "node:fs/promises";
import sharp from "sharp";
import { randomAt } from "#lib/image/random.js";

/** JPEGs of 500 × 375 with about as much detail as photographs have. */
export async function makeJpegs(count: number): Promise<Buffer[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const random = randomAt(index);
      const noise = (width: number, height: number) =>
        sharp(Buffer.from(Array.from({ length: 3 * width * height }, () => random.integer(0, 255))), {
          raw: { width, height, channels: 3 },
        }).resize(500, 375, { kernel: "cubic", fit: "fill" });
      const fine = await noise(250, 188).ensureAlpha(0.2).png().toBuffer();
      return noise(20, 15)
        .composite([{ input: fine }])
        .jpeg({ quality: 88 })
        .toBuffer();
    }),
  );
}

/** Writes `count` files of a few different images. */
export async function writeJpegs(folder: string, count: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const different = await makeJpegs(Math.min(count, 50));
  for (let i = 0; i < count; i += 1) {
    await writeFile(join(folder, `${String(i).padStart(5, "0")}.jpg`), different[i % different.length] ?? "");
  }
}
