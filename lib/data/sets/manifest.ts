import { checkPlace } from "../../check-argument.js";
import { optionsOf, parseOptions } from "../../schema.js";
import { datasetShape } from "./options.js";
import { dirname, extname, resolve } from "node:path";
import { McLossError } from "../../errors.js";
import { isRecord } from "../../plain-data.js";
import { labelsByName } from "../class-folders.js";
import { byCodePoint } from "../code-points.js";
import type { Box, ListDataset } from "../dataset.js";
import { checkBox } from "../boxes.js";
import { at, quote } from "./columns.js";
import type { ListedSample, Listing, Split } from "./layout.js";
import { partOf } from "./parts.js";
import { hasControlCharacters } from "./paths.js";
import { keepSamples, throwProblem, type AnnotationProblem, type Report } from "./problems.js";
import { takeSplit } from "./splits.js";
import { readLines, readText } from "./text-file.js";

/** Options of {@link manifest}. */
export interface ManifestOptions {
  /** Default "trainval": all rows whose split is not "test". */
  split?: Split;
  /** The classes, in the order of their labels, where a model decides them. Default: the labels found, sorted. */
  classes?: readonly string[];
}

const schema = optionsOf<ManifestOptions>({ split: datasetShape.split, classes: datasetShape.classes });

/** A row of a manifest, before it is checked. */
interface Entry {
  line: number;
  path: unknown;
  label: unknown;
  split: unknown;
  box: Partial<Record<keyof Box, unknown>> | undefined;
}

/**
 * Images listed in a file.
 * - `.csv`: a header with the columns path and label, and if wanted split and x, y, width, height (the box); others
 *   are passed over.
 * - `.jsonl`: one object a line: { path, label, split?, box?: { x, y, width, height } }.
 *
 * Paths count from the manifest's folder. A label is a class's name; without `classes`, names are sorted by code point,
 * or as numbers where all of them are; they are in Unicode's form NFC. A split is "train", "val" (or "valid", "validation") or "test", in any
 * case; all rows have one, or none.
 * @throws McLossError ERR_DATASET naming the file and line
 */
export async function manifest(
  file: string,
  given: ManifestOptions = {},
): Promise<ListDataset<ListedSample>> {
  const options = parseOptions(schema, given);
  checkPlace("file", file);
  return takeSplit(file, await listManifest(file, throwProblem, options), options.split);
}

export const MANIFEST_EXTENSIONS = [".csv", ".jsonl"];

export async function listManifest(
  file: string,
  report: Report,
  options: { classes?: readonly string[] } = {},
): Promise<Listing> {
  const entries = await readEntries(file, report);
  const labelled = entries.map((entry) => ({ ...entry, name: labelName(entry.label) }));
  const classes = options.classes ?? sortNames(labelled.map(({ name }) => name));
  const labels = labelsByName(classes);
  const divided = entries.some(({ split }) => !isAbsent(split));
  const seen = new Map<string, number>();

  const convert = (entry: (typeof labelled)[number]): ListedSample | AnnotationProblem => {
    const problem = (text: string) => at(file, entry.line, text);
    const path = checkPath(file, entry.path);
    if (path === undefined) return problem("has no path of an image");
    const earlier = seen.get(path);
    if (earlier !== undefined)
      return problem(`has ${quote(path)} again, which line ${earlier} has: remove one`);
    seen.set(path, entry.line);
    if (entry.name === undefined) return problem("has no label: give the name of a class");
    const label = labels.get(entry.name);
    if (label === undefined) {
      return problem(
        `has the class ${quote(entry.name)}, which the model does not know: remove it, or train with it`,
      );
    }
    const split = divided ? partOf(String(entry.split)) : undefined;
    if (divided && !split) return problem(`has no split: it must be train, val or test in every row`);
    const box = entry.box && checkBox(mapBox(entry.box));
    if (entry.box && !box) return problem("has no box: x, y, width and height must be pixels, all or none");
    return { path, label, ...(split ? { split } : {}), ...(box ? { box } : {}) };
  };
  return { classes, samples: keepSamples(labelled, convert, report) };
}

async function readEntries(file: string, report: Report): Promise<Entry[]> {
  const extension = extname(file).toLowerCase();
  if (extension === ".csv") return parseCsv(file, await readText(file), report);
  if (extension === ".jsonl") return parseJsonLines(file, report);
  const text = `${file} is not a manifest: its name must end in ${MANIFEST_EXTENSIONS.join(" or ")}`;
  throw new McLossError("ERR_DATASET", text, { path: file });
}

const BOX_COLUMNS = ["x", "y", "width", "height"] as const;

async function parseCsv(file: string, text: string, report: Report): Promise<Entry[]> {
  const [header, ...rows] = await readRecords(file, text, report);
  if (!header) return [];
  const names = header.record.map((name) => name.toLowerCase());
  const absent = ["path", "label"].filter((name) => !names.includes(name));
  if (absent.length > 0) {
    report(at(file, header.line, `has no column ${absent.join(" and ")}: begin the file with path,label`));
    return [];
  }
  const entries: Entry[] = [];
  for (const { line, record } of rows) {
    if (record.length !== names.length) {
      report(at(file, line, `has ${record.length} columns, but the header has ${names.length}`));
      continue;
    }
    const cells = new Map(names.map((name, i) => [name, record[i]]));
    const box = Object.fromEntries(BOX_COLUMNS.map((name) => [name, cells.get(name)]));
    const [path, label, split] = [cells.get("path"), cells.get("label"), cells.get("split")];
    const boxed = Object.values(box).some((value) => !isAbsent(value));
    entries.push({ line, path, label, split, box: boxed ? box : undefined });
  }
  return entries;
}

interface CsvRecord {
  record: string[];
  /** Where it ends. */
  line: number;
}

async function readRecords(file: string, text: string, report: Report): Promise<CsvRecord[]> {
  const { CsvError, parse } = await import("csv-parse/sync");
  try {
    const options = { info: true, relax_column_count: true, skip_empty_lines: true, trim: true } as const;
    const records = parse(text, options) as unknown as { record: string[]; info: { lines: number } }[];
    return records.map(({ record, info }) => ({ record, line: info.lines }));
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    report(at(file, Number(cause["lines"] ?? 1), `is not CSV: ${cause.message}`));
    return [];
  }
}

async function parseJsonLines(file: string, report: Report): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const { number, text } of await readLines(file)) {
    const value = parseObject(text);
    if (!value) report(at(file, number, `is not a JSON object: ${quote(text)}`));
    else {
      const { path, label, split, box } = value;
      const boxed = typeof box === "object" && box !== null ? box : {};
      entries.push({ line: number, path, label, split, box: isAbsent(box) ? undefined : boxed });
    }
  }
  return entries;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}

function labelName(label: unknown): string | undefined {
  if (typeof label === "number" && Number.isFinite(label)) return String(label);
  return typeof label === "string" && label !== "" ? label.normalize("NFC") : undefined;
}

function checkPath(file: string, path: unknown): string | undefined {
  if (typeof path !== "string" || path === "" || hasControlCharacters(path)) return undefined;
  return resolve(dirname(file), path);
}

function mapBox(box: Partial<Record<keyof Box, unknown>>): Record<keyof Box, number | undefined> {
  const number = (value: unknown) =>
    isAbsent(value) || typeof value === "object" ? undefined : Number(value);
  return { x: number(box.x), y: number(box.y), width: number(box.width), height: number(box.height) };
}

function sortNames(labels: readonly (string | undefined)[]): string[] {
  const names = [...new Set(labels.filter((label) => label !== undefined))];
  const numbers = names.every((name) => /^\d{1,15}$/.test(name));
  return numbers ? names.sort((a, b) => Number(a) - Number(b)) : names.sort(byCodePoint);
}
