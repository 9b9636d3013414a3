import { existsSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { McLossError } from "../../errors.js";
import { readFolder } from "../../io/file-name.js";
import { byCodePoint } from "../code-points.js";

/** Whether it is an address on a server rather than a path. */
export function isAddress(place: string): boolean {
  return /^https?:\/\//i.test(place);
}

/**
 * What several places are, from one text: `set-{000..127}.tar`, `{train,val}.tar`, and in a folder `set-*.tar`; a file of that
 * very name is itself.
 */
export async function expandPlaces(place: string): Promise<string[]> {
  if (!isAddress(place) && existsSync(place)) return [place];
  const places = (await Promise.all((await expandBraces(place)).map(expandStars))).flat();
  if (places.length <= MOST_SHARDS) return places;
  const text = `${place} stands for more than ${MOST_SHARDS} shards: check the numbers in its braces`;
  throw new McLossError("ERR_DATASET", text, { path: place });
}

const MOST_SHARDS = 100_000;

async function expandBraces(place: string): Promise<string[]> {
  if (!place.includes("{")) return [place];
  const { expand } = await import("brace-expansion");
  return expand(place, { max: MOST_SHARDS + 1 });
}

/** The files of a folder that a name with stars stands for, in code point order; what stands for none is as it is. */
async function expandStars(place: string): Promise<string[]> {
  const name = basename(place);
  if (!name.includes("*") || isAddress(place)) return [place];
  const parts = name.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp(`^${parts.join(".*")}$`);
  const entries = await readFolder(dirname(place)).catch(() => []);
  const names = entries.map((entry) => entry.name).filter((each) => pattern.test(each));
  const folder = place.slice(0, -name.length);
  return names.length > 0 ? names.sort(byCodePoint).map((each) => folder + each) : [place];
}

/** An address as it is, a path from the root: where a run that goes on in another folder finds it. */
export function absolutePlace(place: string): string {
  return isAddress(place) ? place : resolve(place);
}

/** Whether data may be there: nobody asks a server for that. */
export async function mayBeThere(place: string): Promise<boolean> {
  if (isAddress(place)) return true;
  const [first = place] = await expandPlaces(place);
  return isAddress(first) || existsSync(first);
}
