import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { McLossError } from "../../errors.js";

/** Whether it is an address on a server rather than a path. */
export function isAddress(place: string): boolean {
  return /^https?:\/\//i.test(place);
}

/** What several places are, from one text: `set-{000..127}.tar`, `{train,val}.tar`; a file of that very name is itself. */
export async function expandPlaces(place: string): Promise<string[]> {
  if (!place.includes("{") || (!isAddress(place) && existsSync(place))) return [place];
  const { expand } = await import("brace-expansion");
  const places = expand(place, { max: MOST_SHARDS + 1 });
  if (places.length <= MOST_SHARDS) return places;
  const text = `${place} stands for more than ${MOST_SHARDS} shards: check the numbers in its braces`;
  throw new McLossError("ERR_DATASET", text, { path: place });
}

const MOST_SHARDS = 100_000;

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
