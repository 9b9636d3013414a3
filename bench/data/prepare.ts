import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import sharp from "sharp";

/** Folders of JPEGs, each with one class folder. */
export interface ImageSets {
  /** Photographs as data sets have them: 500 × 375, quality 90. */
  small: string;
  /** As they came, 1920 pixels wide or more. */
  full: string;
}

const PACKAGES = ["opencv-doc", "plasma-workspace-wallpapers"];
const [WIDTH, HEIGHT] = [500, 375];
const FULL_WIDTH = 1920;
const FULL_COUNT = 60;

/** Makes the images below `folder`, unless they are there: takes Debian's packages apart, without installing them. */
export async function prepareImages(folder: string, say: (text: string) => void): Promise<ImageSets> {
  const sets = { small: join(folder, "small"), full: join(folder, "full") };
  if (existsSync(sets.small) && existsSync(sets.full)) return sets;
  const work = mkdtempSync(join(tmpdir(), "mcloss-bench-"));
  try {
    say(`downloading ${PACKAGES.join(" and ")} (190 MB) with apt-get`);
    execFileSync("apt-get", ["download", ...PACKAGES], { cwd: work, stdio: ["ignore", "ignore", "pipe"] });
    for (const name of readdirSync(work).filter((name) => name.endsWith(".deb"))) {
      execFileSync("dpkg", ["-x", name, "."], { cwd: work });
    }
    const files = listJpegs(work);
    say(`cutting ${files.length} pictures`);
    const made = { small: join(work, "small"), full: join(work, "full") };
    await writeSets(files, made);
    mkdirSync(folder, { recursive: true });
    for (const set of ["small", "full"] as const) move(made[set], sets[set]);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return sets;
}

const CONVERTED = 60;

/** Makes some of a set's images anew in another format, unless they are there; gives their folder. */
export async function convertSet(from: string, format: "png" | "webp"): Promise<string> {
  const folder = `${from}-${format}`;
  if (existsSync(folder)) return folder;
  const made = `${folder}.tmp`;
  mkdirSync(join(made, "photos"), { recursive: true });
  for (const [i, file] of listJpegs(from).slice(0, CONVERTED).entries()) {
    await sharp(file)
      .toFormat(format)
      .toFile(join(made, "photos", `${String(i).padStart(4, "0")}.${format}`));
  }
  renameSync(made, folder);
  return folder;
}

export function listJpegs(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && [".jpg", ".jpeg"].includes(extname(entry.name).toLowerCase()))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function writeSets(files: readonly string[], sets: ImageSets): Promise<void> {
  for (const set of Object.values(sets) as string[]) mkdirSync(join(set, "photos"), { recursive: true });
  let [small, full] = [0, 0];
  for (const file of files) {
    const { width, height } = await sharp(file).metadata();
    if (width < WIDTH || height < HEIGHT) continue;
    const cuts = width >= 4 * WIDTH ? await cutParts(file, width, height) : [await cover(file)];
    for (const cut of cuts) {
      await sharp(cut)
        .jpeg({ quality: 90 })
        .toFile(join(sets.small, "photos", `${String(small++).padStart(4, "0")}.jpg`));
    }
    if (width < FULL_WIDTH || full >= FULL_COUNT) continue;
    copyFileSync(file, join(sets.full, "photos", `${String(full++).padStart(4, "0")}.jpg`));
  }
}

/** The whole picture, and the middle of it at half its resolution: as a photograph shows its object. */
async function cutParts(file: string, width: number, height: number): Promise<Buffer[]> {
  const part = { width: 2 * WIDTH, height: Math.min(height, 2 * HEIGHT) };
  const place = { left: Math.floor((width - part.width) / 2), top: Math.floor((height - part.height) / 2) };
  const middle = sharp(file).extract({ ...part, ...place });
  return [await cover(file), await cover(await middle.png({ compressionLevel: 0 }).toBuffer())];
}

function cover(input: string | Buffer): Promise<Buffer> {
  return sharp(input).resize(WIDTH, HEIGHT, { fit: "cover" }).png({ compressionLevel: 0 }).toBuffer();
}

/** Across file systems, too. */
function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch {
    execFileSync("cp", ["-r", from, to]);
  }
}
