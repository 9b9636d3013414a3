import { checkPlace } from "../../check-argument.js";
import { parseOptions } from "../../schema.js";
import { McLossError } from "../../errors.js";
import { readDataset } from "../open-dataset.js";
import { compareCounts, countParts } from "../sets/counts.js";
import type { DatasetKind, ListedSample, ReadDataset, SplitPart } from "../sets/layout.js";
import { formatProblem, type AnnotationProblem } from "../sets/problems.js";
import { checkImages, type BadImage } from "./check-images.js";
import { findDuplicates, type Duplicates } from "./find-duplicates.js";
import { verifyOptions, type VerifyOptions } from "./options.js";

/** What was found in a data set. */
export interface DatasetReport {
  kind: DatasetKind;
  title: string;
  root: string;
  classes: number;
  /** Images that the annotations list, per part; under "all" where there are no parts. */
  images: Partial<Record<SplitPart | "all", number>>;
  /** How the counts differ from the published ones. Empty with `allowPartial`. */
  counts: string[];
  /** What is wrong in annotation files, with file and line; at most the first 1,000. */
  annotations: string[];
  /** Listed images that are not there. */
  missing: string[];
  corrupt: BadImage[];
  /** Boxes that reach past their image, in words; those of a published set are not wrong. */
  boxes: string[];
  /** Images with the same bytes that are in several parts or classes: the test images should be new to the model. */
  leaks: Duplicates[];
  /** Other images with the same bytes. */
  repeats: Duplicates[];
  /** For people: what was taken for what, and what was passed over. */
  notes: readonly string[];
  /** Files that were passed over, by what their names end in. */
  passedOver: Readonly<Record<string, number>>;
  /** Whether images were decoded to the last pixel. */
  full: boolean;
  /** Nothing is wrong. Repeats are not, nor are leaks that a published set has as it is published. */
  ok: boolean;
}

const MOST_PROBLEMS = 1000;

/**
 * Looks for all that is wrong in a data set: bad lines in annotation files, missing and corrupt images, images that come
 * twice, counts other than the published ones.
 * @throws McLossError ERR_DATASET where an annotation file cannot be read at all, ERR_ABORTED
 */
export async function verifyDataset(dir: string, given: VerifyOptions = {}): Promise<DatasetReport> {
  const options = parseOptions(verifyOptions, given);
  checkPlace("dir", dir);
  const { full = false, allowPartial = false } = options;
  const problems: AnnotationProblem[] = [];
  const read = await readDataset(
    dir,
    (problem) => {
      if (problems.length < MOST_PROBLEMS) problems.push(problem);
    },
    { ...options, keepMissing: true },
  );
  if (read.samples.length === 0 && problems.length === 0) {
    throw new McLossError("ERR_DATASET", `${read.root} lists no images`, { path: read.root });
  }
  const labels = new Set(read.samples.map(({ label }) => label));
  if (labels.size === 1) {
    const name = read.classes[read.samples[0]?.label ?? 0] ?? "";
    problems.push({
      file: read.root,
      problem: `has images of one class alone, "${name}": none can be trained`,
    });
  }
  const { missing, corrupt, boxes, files } = await checkImages(read.samples, { ...options, full });
  const { leaks, repeats } = sortDuplicates(read, await findDuplicates(files, options));
  const counts = allowPartial ? [] : compareCounts(read);
  const lacking = allowPartial && read.published ? [] : missing;
  const own = read.published ? [] : [...leaks, ...boxes];
  const wrong = [counts, problems, lacking, corrupt, own];
  return {
    kind: read.kind,
    title: read.title,
    root: read.root,
    classes: read.classes.length,
    images: countParts(read.samples),
    counts,
    annotations: problems.map(formatProblem),
    missing,
    corrupt,
    boxes,
    leaks,
    repeats,
    notes: read.notes ?? [],
    passedOver: read.passedOver ?? {},
    full,
    ok: wrong.every((list) => list.length === 0),
  };
}

function sortDuplicates(
  { samples }: ReadDataset,
  found: readonly Duplicates[],
): { leaks: Duplicates[]; repeats: Duplicates[] } {
  const byPath = new Map<string, ListedSample>(samples.map((sample) => [sample.path, sample]));
  const isLeak = (paths: Duplicates): boolean => {
    const places = paths.map((path) => `${byPath.get(path)?.split} ${byPath.get(path)?.label}`);
    return new Set(places).size > 1;
  };
  return { leaks: found.filter(isLeak), repeats: found.filter((paths) => !isLeak(paths)) };
}
