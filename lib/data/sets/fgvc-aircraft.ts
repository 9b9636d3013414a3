import { parseOptions } from "../../schema.js";
import { aircraftOptions, type AircraftLevel, type AircraftOptions } from "./options.js";
import { join } from "node:path";
import { invalidArgument } from "../../errors.js";
import type { Box, ListDataset } from "../dataset.js";
import { boxOfCorners } from "../boxes.js";
import { at, parseDecimals, quote, readNames, readRows, type Row } from "./columns.js";
import { PARTS } from "./counts.js";
import type { Layout, ListedSample, Listing, OpenOptions, SplitPart } from "./layout.js";
import { exists, innermost, joinInside } from "./paths.js";
import { keepSamples, type AnnotationProblem, type Report } from "./problems.js";
import { openPublished } from "./published.js";
import { shown } from "../../shown.js";

/**
 * FGVC-Aircraft 2013b (Maji et al., arXiv 1306.5151): 10,000 images, 3,334 to train, 3,333 to validate and 3,333 to
 * test. The default split "trainval", 6,667 images, is what results are reported with.
 * @param dir the unpacked fgvc-aircraft-2013b folder, or the one it lies in: data/images/, data/images_variant_train.txt
 *   and so on, data/variants.txt, families.txt, manufacturers.txt and, if it is there, data/images_box.txt
 * @throws McLossError ERR_DATASET naming the file and line
 */
export async function fgvcAircraft(
  dir: string,
  options: OpenOptions & AircraftOptions = {},
): Promise<ListDataset<ListedSample>> {
  return openPublished(dir, FGVC_AIRCRAFT, parseOptions(aircraftOptions, options));
}

const LEVELS = {
  variant: { file: "variants.txt", classes: 100 },
  family: { file: "families.txt", classes: 70 },
  manufacturer: { file: "manufacturers.txt", classes: 30 },
} as const;

const BANNER_PIXELS = 20;

export const FGVC_AIRCRAFT: Layout<AircraftOptions> = {
  kind: "fgvc-aircraft",
  title: "FGVC-Aircraft",
  folder: "fgvc-aircraft-2013b",
  markers: [["data/variants.txt", "data/images_variant_test.txt"]],
  signs: [["data/images_variant_train.txt"], ["data/images_variant_test.txt"], ["data/images_box.txt"]],
  published: (options) => ({
    classes: LEVELS[checkLevel(options)].classes,
    parts: { train: 3334, val: 3333, test: 3333 },
  }),
  list,
};

async function list(root: string, report: Report, options: AircraftOptions): Promise<Listing> {
  const { removeBanner = false } = options;
  const level = checkLevel(options);
  const file = (name: string) => join(root, "data", name);
  const images = await innermost(file("images"));
  const classes = await readNames(file(LEVELS[level].file), report);
  const labels = new Map(classes.map((name, label) => [name, label]));
  const boxes = (await exists(file("images_box.txt")))
    ? await readBoxes(file("images_box.txt"), report)
    : new Map<string, Box>();
  const trim = removeBanner ? { trim: { bottom: BANNER_PIXELS } } : {};

  const seen = new Map<string, SplitPart>();
  const samples: ListedSample[] = [];
  for (const part of PARTS) {
    const name = `images_${level}_${part}.txt`;
    const convert = ({ key, rest, line }: Row): ListedSample | AnnotationProblem => {
      const path = joinInside(images, `${key}.jpg`);
      if (path === undefined) return at(file(name), line, `${quote(key)} leads out of the images folder`);
      const label = labels.get(rest);
      if (label === undefined) {
        return at(file(name), line, `${quote(rest)} is no ${level} of ${LEVELS[level].file}`);
      }
      const earlier = seen.get(key);
      if (earlier) return at(file(name), line, `image ${key} is in ${earlier} too: remove one`);
      seen.set(key, part);
      const box = boxes.get(key);
      return { path, label, split: part, ...(box ? { box } : {}), ...trim };
    };
    const rows = await readRows(file(name), report, `image ${level}`);
    for (const sample of keepSamples(rows.values(), convert, report)) samples.push(sample);
  }
  return { classes, samples };
}

function checkLevel({ level = "variant" }: AircraftOptions): AircraftLevel {
  if (Object.hasOwn(LEVELS, level)) return level;
  throw invalidArgument("level", `must be one of ${Object.keys(LEVELS).join(", ")}, got ${shown(level)}`);
}

/** xmin, ymin, xmax, ymax; the top left pixel is (1, 1). */
async function readBoxes(file: string, report: Report): Promise<Map<string, Box>> {
  const boxes = new Map<string, Box>();
  for (const { key, rest, line } of (await readRows(file, report, "image xmin ymin xmax ymax")).values()) {
    const box = boxOfCorners(parseDecimals(rest, 4) ?? []);
    if (box) boxes.set(key, box);
    else report(at(file, line, `must be xmin ymin xmax ymax in pixels, got ${quote(rest)}`));
  }
  return boxes;
}
