import { z } from "zod";
import { McLossError } from "../errors.js";
import { readWhole } from "../io/open-file.js";
import type { LoaderDescription } from "../loader/loader-description.js";
import { isRecord } from "../plain-data.js";
import { parse } from "../schema.js";
import { isSystemError, reasonOf } from "../system-error.js";
import { runFiles } from "./run-files.js";

/** Of `run.json`. */
export const RUN_FORMAT = 1;

/** An option that was changed from an epoch on. */
export interface OptionChange {
  /** The first with the new value. */
  epoch: number;
  /** The option's path, such as "optimizer.learningRate". */
  option: string;
  from: unknown;
  to: unknown;
}

/** The loaders of a run as plain data; absent where it was given something else that yields batches. */
export interface RunLoaders {
  train?: LoaderDescription;
  /** Absent without held-out images too. */
  validation?: LoaderDescription;
}

/** What `run.json` says of a run. */
export interface RunInfo {
  format: typeof RUN_FORMAT;
  /** ISO 8601 */
  started: string;
  /** Of the package, Node.js and LibTorch. */
  versions: Readonly<Record<string, string>>;
  platform: string;
  /** LibTorch's threads. */
  threads: number;
  model: {
    name: string;
    classes: number;
    /** SHA-256 of the network's spec. */
    sha256?: string;
  };
  /** The run's own, absolute, when it began: what is beside it is found from here when both have moved. */
  folder?: string;
  /** What decides which batches it is trained and judged on; absent in what an older version wrote. */
  loaders?: RunLoaders;
  /** Training images of each class, where what is minimised goes by them. */
  classCounts?: readonly number[];
  /** The processes that it was begun by, where they are several. */
  distributed?: { worldSize: number; backend: string };
  /** Of the trainer, with their defaults, without what is said of the output folder. */
  options: Readonly<Record<string, unknown>>;
  /** What the caller told of the run. */
  about: Readonly<Record<string, unknown>>;
  /** Options that were changed when the run was resumed. */
  changes?: readonly OptionChange[];
}

const record = z.record(z.string(), z.unknown());
const loader = z.looseObject({ samples: z.int(), batchSize: z.int() });
const schema = z.looseObject({
  format: z.literal(RUN_FORMAT),
  started: z.iso.datetime(),
  versions: z.record(z.string(), z.string()),
  platform: z.string(),
  threads: z.number(),
  model: z.looseObject({ name: z.string(), classes: z.number(), sha256: z.string().optional() }),
  folder: z.string().optional(),
  loaders: z.looseObject({ train: loader.optional(), validation: loader.optional() }).optional() as z.ZodType<
    RunLoaders | undefined
  >,
  classCounts: z.array(z.int()).optional(),
  distributed: z.looseObject({ worldSize: z.int(), backend: z.string() }).optional(),
  options: record,
  about: record.default({}),
  changes: z
    .array(z.looseObject({ epoch: z.int(), option: z.string(), from: z.unknown(), to: z.unknown() }))
    .optional(),
});

/**
 * Reads what `run.json` says of a run. Keys that are not known here are kept.
 * @throws McLossError ERR_IO when it is missing, damaged or of another version, which says what to do
 */
export async function readRunInfo(folder: string): Promise<RunInfo> {
  const { info: path } = runFiles(folder);
  try {
    const read: unknown = JSON.parse((await readWhole(path)).toString());
    requireFormat(path, read);
    return parse(schema, read);
  } catch (cause) {
    if (cause instanceof McLossError && cause.code === "ERR_IO") throw cause;
    const problem = isSystemError(cause)
      ? `${folder} is not the folder of a run: it has no run.json that can be read`
      : `${path} is damaged, or another version's (${reasonOf(cause)}): bring it back from a copy`;
    const text = `${problem}. Give a folder that mcloss train --out wrote`;
    throw new McLossError("ERR_IO", text, { path, cause });
  }
}

function requireFormat(path: string, read: unknown): void {
  const format = isRecord(read) ? read["format"] : undefined;
  if (typeof format !== "number" || format <= RUN_FORMAT) return;
  const text = `${path} is of format ${format}, and this version reads ${RUN_FORMAT}: install the version that wrote it, or a newer one`;
  throw new McLossError("ERR_IO", text, { path });
}
