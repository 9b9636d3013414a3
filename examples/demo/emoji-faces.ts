import { copyFile, link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { throwIfAborted } from "#lib/abort.js";
import { checkInstalled, iconSvg, type IconSet } from "./icon-sets.js";
import { matchFaces, readIconSets, type Face } from "./match-faces.js";
import { SPLITS, STYLES, type SplitName } from "./styles.js";

export interface EmojiFaces {
  /** ImageFolder of the styles that are trained on. */
  train: string;
  /** ImageFolder of the held-out styles. */
  test: string;
  classes: number;
  images: number;
}

export interface EmojiFacesOptions {
  /** Called after each drawing. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

// Changes with what is drawn, so that an old folder is drawn again.
const VERSION = [1, ...STYLES.map((style) => `${style.name}@${style.version}`)].join(" ");

// Drawn large, trimmed, fitted into 88 pixels, with a border of 4.
const DRAWN_SIZE = 192;
const FITTED_SIZE = 88;
const BORDER = 4;
const WHITE = "#fff";
const AT_ONCE = 8;

interface Manifest {
  version: string;
  classes: number;
  images: number;
}

/**
 * Draws the emoji faces into `dir` as 96-pixel PNG files, unless they are there already, and splits them by style.
 * @throws McLossError ERR_DATASET when the packages with the drawings are not installed
 */
export async function prepareEmojiFaces(
  dir: string,
  split: SplitName,
  options: EmojiFacesOptions = {},
): Promise<EmojiFaces> {
  const manifest = (await readManifest(dir)) ?? (await drawAll(dir, options));
  const { classes, images } = manifest;
  return { train: join(dir, split, "train"), test: join(dir, split, "test"), classes, images };
}

async function readManifest(dir: string): Promise<Manifest | undefined> {
  try {
    const manifest = JSON.parse(await readFile(join(dir, "manifest.json"), "utf8")) as Manifest;
    return manifest.version === VERSION ? manifest : undefined;
  } catch {
    return undefined;
  }
}

/** Draws into a folder beside `dir` and renames it, so that `dir` is whole or absent. */
async function drawAll(dir: string, { onProgress, signal }: EmojiFacesOptions): Promise<Manifest> {
  checkInstalled();
  const unfinished = `${dir}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  const sets = await readIconSets();
  const faces = await matchFaces(sets);
  const drawings = faces.flatMap((face) => [...face.icons.keys()].map((style) => ({ face, style })));
  for (let done = 0; done < drawings.length; done += AT_ONCE) {
    throwIfAborted(signal, "drawing the faces");
    const some = drawings.slice(done, done + AT_ONCE);
    await Promise.all(some.map(({ face, style }) => draw(unfinished, sets, face, style)));
    onProgress?.(done + some.length, drawings.length);
  }
  const manifest: Manifest = { version: VERSION, classes: faces.length, images: drawings.length };
  await writeFile(join(unfinished, "manifest.json"), JSON.stringify(manifest));
  await rm(dir, { recursive: true, force: true });
  await rename(unfinished, dir);
  return manifest;
}

async function draw(
  root: string,
  sets: ReadonlyMap<string, IconSet>,
  face: Face,
  style: string,
): Promise<void> {
  const set = sets.get(style);
  const icon = face.icons.get(style);
  if (!set || icon === undefined) return;
  const [first, ...others] = Object.entries(SPLITS).map(([split, heldOut]) => {
    const half = (heldOut as readonly string[]).includes(style) ? "test" : "train";
    return join(root, split, half, face.name, `${style}.png`);
  });
  if (first === undefined) return;
  for (const path of [first, ...others]) await mkdir(dirname(path), { recursive: true });
  const fitted = await sharp(Buffer.from(iconSvg(set, icon, DRAWN_SIZE)))
    .trim({ background: "#0000" })
    .resize(FITTED_SIZE, FITTED_SIZE, { fit: "contain", background: "#0000" })
    .toBuffer();
  await sharp(fitted)
    .extend({ top: BORDER, bottom: BORDER, left: BORDER, right: BORDER, background: WHITE })
    .flatten({ background: WHITE })
    .png()
    .toFile(first);
  for (const path of others) await link(first, path).catch(() => copyFile(first, path));
}
