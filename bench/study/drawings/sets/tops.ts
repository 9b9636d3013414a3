import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import sharp from "sharp";
import { type Sample } from "mutual-channel-loss";
import { ListDataset } from "mutual-channel-loss/data";
import { augmentation } from "#lib/image/presets.js";
import { once } from "./once.js";
import type { StudySet } from "./study-set.js";

const PACKAGE = "dataset-fashion-mnist";
const FILES = "usr/share/datasets/fashion-mnist";
const SIDE = 28;
/** Fashion-MNIST's labels of what is worn on the upper body. */
const TOPS = { "T-shirt": 0, pullover: 2, dress: 3, coat: 4, shirt: 6 } as const;
/** Training images of a class. */
export const ALL_TOPS = 6000;
const TUNE_PER_CLASS = 400;

/**
 * The five tops of Fashion-MNIST. "test" trains on the first images of each class and tests on all 1000 test images of
 * each; "tune" holds out the 400 training images that come next, or the last 400 where it would train on all.
 * @param folder where Debian's package is unpacked, unless it is installed
 * @param trainPerClass images of a class to train on, at most 6000
 */
export async function tops(folder: string, trainPerClass: number): Promise<StudySet> {
  const files = await findFiles(folder);
  const [train, test] = await Promise.all([readPart(files, "train"), readPart(files, "t10k")]);
  const classes = Object.keys(TOPS);
  const take = (part: Sample[], from: number, count: number) =>
    new ListDataset(
      classes,
      classes.flatMap((_, label) =>
        part.filter((sample) => sample.label === label).slice(from, from + count),
      ),
    );
  const tuneFrom = Math.min(trainPerClass, ALL_TOPS - TUNE_PER_CLASS);
  return {
    classes,
    channelsPerClass: 10,
    inputSize: 56,
    augmentation: (model) => augmentation(model, "flip"),
    divide(division) {
      if (division === "tune")
        return { train: take(train, 0, tuneFrom), held: { test: take(train, tuneFrom, TUNE_PER_CLASS) } };
      if (division !== "test") throw new Error(`the tops have no division ${division}`);
      return { train: take(train, 0, trainPerClass), held: { test: take(test, 0, Infinity) } };
    },
  };
}

async function findFiles(folder: string): Promise<string> {
  const installed = join("/", FILES);
  if (existsSync(installed)) return installed;
  if (!existsSync(join(folder, FILES))) await unpackPackage(folder);
  return join(folder, FILES);
}

async function unpackPackage(folder: string): Promise<void> {
  const run = promisify(execFile);
  await mkdir(folder, { recursive: true });
  await run("apt-get", ["download", PACKAGE], { cwd: folder });
  const archive = (await readdir(folder)).find((name) => name.startsWith(PACKAGE) && name.endsWith(".deb"));
  if (archive === undefined) throw new Error(`apt-get download ${PACKAGE} left nothing in ${folder}`);
  await run("dpkg", ["-x", archive, "."], { cwd: folder });
}

/** The images of the five classes, in the file's order. */
async function readPart(files: string, part: "train" | "t10k"): Promise<Sample[]> {
  const read = async (kind: string) => gunzipSync(await readFile(join(files, `${part}-${kind}-ubyte.gz`)));
  // IDX: a header of 4 bytes and 4 for each dimension, then the values.
  const pixels = (await read("images-idx3")).subarray(16);
  const labels = (await read("labels-idx1")).subarray(8);
  const byLabel = new Map<number, number>(Object.values(TOPS).map((label, index) => [label, index]));
  return [...labels].flatMap((code, index) => {
    const label = byLabel.get(code);
    if (label === undefined) return [];
    const image = pixels.subarray(index * SIDE ** 2, (index + 1) * SIDE ** 2);
    const raw = { width: SIDE, height: SIDE, channels: 1 } as const;
    const source = once(() => sharp(image, { raw }).png().toBuffer());
    return [{ path: `${part} ${index}`, label, source }];
  });
}
