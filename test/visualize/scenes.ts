import sharp, { type Sharp } from "sharp";
import { write } from "../support/image-files.js";

/** A rectangle of one colour, in pixels of the upright image. */
export interface Patch {
  color: string;
  left: number;
  top: number;
  width: number;
  height: number;
}

type Step = (image: Sharp) => Sharp;

const mirror: Step = (image) => image.flop();
const turn =
  (degrees: number): Step =>
  (image) =>
    image.rotate(degrees);

/** What makes stored pixels of upright ones, for each EXIF orientation: one step after another. */
const STORED: Record<number, readonly Step[]> = {
  1: [],
  2: [mirror],
  3: [turn(180)],
  4: [turn(180), mirror],
  5: [turn(90), mirror],
  6: [turn(270)],
  7: [turn(270), mirror],
  8: [turn(90)],
};

/** Writes patches on black as an image whose pixels are stored with this EXIF orientation. */
export async function writeScene(
  path: string,
  size: { width: number; height: number },
  patches: readonly Patch[],
  orientation = 1,
): Promise<string> {
  const rectangles = patches.map(
    ({ color, left, top, width, height }) =>
      `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="${color}"/>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}" shape-rendering="crispEdges"><rect width="100%" height="100%" fill="#000"/>${rectangles.join("")}</svg>`;
  let pixels = await sharp(Buffer.from(svg)).removeAlpha().png().toBuffer();
  for (const step of STORED[orientation]!) pixels = await step(sharp(pixels)).png().toBuffer();
  const tagged = sharp(pixels).withMetadata({ orientation });
  const isJpeg = path.endsWith(".jpg");
  return write(
    path,
    await (isJpeg ? tagged.jpeg({ quality: 100, chromaSubsampling: "4:4:4" }) : tagged.png()).toBuffer(),
  );
}
