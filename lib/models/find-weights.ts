import { McLossError } from "../errors.js";
import type { StateFile } from "../io/checkpoint-file.js";
import type { StateFiles } from "../io/state-file.js";
import { stripPrefix } from "../io/state-file.js";
import type { StoredTensor } from "../native/binding.js";

/** Tensors in a file by the network's names for them. */
export interface FoundWeights {
  state: StateFile;
  /** Where they are in the file: "" is the top. */
  key: string;
  /** What was taken off their names. */
  prefix: string;
}

/** Which tensors of a file are meant; what is left out is found. */
export interface Wanted {
  key?: string | undefined;
  prefix?: string | undefined;
}

/** Of wrappers around a network: few are more than a handful. */
const MOST_PREFIXES = 50;

/**
 * Every way to take a file's tensors: each of its dicts, with each prefix that leaves names such as `names`, without one
 * first.
 * @throws McLossError ERR_CHECKPOINT where there is no dict that can be read
 */
export function* findWeights(
  files: StateFiles,
  names: readonly string[],
  { key, prefix }: Wanted,
): Generator<FoundWeights, void, void> {
  const places = key === undefined ? files.places : [key.split(".")];
  let failure: unknown;
  let opened = 0;
  // Where nothing was found, opening the top says what there is.
  for (const place of places.length > 0 ? places : [[]]) {
    let state: StateFile;
    try {
      state = files.open(place);
    } catch (error) {
      failure ??= error;
      continue;
    }
    opened += 1;
    const prefixes = prefix === undefined ? findPrefixes(state.tensors, names) : [prefix];
    for (const each of prefixes) {
      const tensors = without(state, each);
      if (tensors) yield { state: { ...state, tensors }, key: place.join("."), prefix: each };
    }
  }
  if (opened === 0) throw failure;
}

/** Undefined where two names become one. */
function without(state: StateFile, prefix: string): ReadonlyMap<string, StoredTensor> | undefined {
  try {
    return stripPrefix(state.file.path, state.tensors, prefix);
  } catch (error) {
    if (error instanceof McLossError) return undefined;
    throw error;
  }
}

/** What stands before the network's names, as "module." of DataParallel and "_orig_mod." of torch.compile. */
function findPrefixes(tensors: ReadonlyMap<string, unknown>, names: readonly string[]): string[] {
  const wanted = new Set(names);
  const prefixes = new Set([""]);
  for (const stored of tensors.keys()) {
    for (let dot = stored.indexOf("."); dot >= 0; dot = stored.indexOf(".", dot + 1)) {
      if (prefixes.size >= MOST_PREFIXES) return [...prefixes];
      if (wanted.has(stored.slice(dot + 1))) prefixes.add(stored.slice(0, dot + 1));
    }
  }
  return [...prefixes];
}
