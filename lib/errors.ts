import { shown } from "./shown.js";

/**
 * Every code, and what went wrong. One failure has one code wherever it is met: an argument that is not as it should be
 * (ERR_ARGUMENT), a file that is not there or cannot be read or written (ERR_IO, or ERR_DATASET, ERR_IMAGE and
 * ERR_CHECKPOINT for images, one of them, and weights). docs/troubleshooting.md has the table with what to do.
 */
export const ERRORS = {
  ERR_ARGUMENT: "an argument or option is wrong",
  ERR_SHAPE: "shapes do not fit together",
  ERR_DTYPE: "a tensor has a type that is not taken",
  ERR_DISPOSED: "something is used after `dispose()`, or after its `tidy()`",
  ERR_TORCH: "LibTorch refused, or failed",
  ERR_OUT_OF_MEMORY: "no memory on the device",
  ERR_UNSUPPORTED: "there is no such operation, layer or export",
  ERR_LIBTORCH_MISSING: "there is no LibTorch",
  ERR_LIBTORCH_MISMATCH: "the addon was built against another LibTorch",
  ERR_ADDON_MISSING: "the addon is not built, or does not load",
  ERR_BUILD: "the addon could not be built",
  ERR_DATASET: "a data set is not what it should be",
  ERR_IMAGE: "an image cannot be read",
  ERR_CHECKPOINT: "a file is damaged, or of another network or run",
  ERR_NAN_LOSS: "the loss, or the weights, became infinite or NaN",
  ERR_NAN_GRADIENT: "`detectAnomaly()` found an operator whose gradient is NaN",
  ERR_NAN_OUTPUT: "a model's answer, or what is exported, is infinite or NaN",
  ERR_IO: "a file cannot be read or written",
  ERR_ABORTED: "a `signal`, or Ctrl-C, ended it",
  ERR_BUSY: "work under way, which the message names, uses the object",
  ERR_DISTRIBUTED: "the processes of a training do not find one another, do not agree, or lost one",
} as const;

/** Stable, documented identifiers of every error this package throws. */
export type ErrorCode = keyof typeof ERRORS;

/** What an error is about, beyond its message. */
export interface ErrorDetails {
  /** The name of the argument or option at fault. */
  argument?: string;
  /** The file or folder at fault. */
  path?: string;
  /** The LibTorch operator, or custom function, that failed. */
  op?: string;
  /** The ranks at fault, of a training on several processes. */
  ranks?: readonly number[];
  /** The error beneath this one. */
  cause?: unknown;
}

/**
 * Every error thrown by this package. `code` is stable across versions; `message` names what was wrong and
 * what to do about it.
 */
export class McLossError extends Error {
  /** What went wrong, for programs. */
  readonly code: ErrorCode;
  /** The name of the argument or option at fault. */
  readonly argument?: string;
  /** The file or folder at fault. */
  readonly path?: string;
  /** The LibTorch operator that failed. */
  readonly op?: string;
  /** The ranks at fault, of a training on several processes, as far as they are known. */
  readonly ranks?: readonly number[];

  constructor(code: ErrorCode, message: string, given?: ErrorDetails) {
    // Not a default: null is none either.
    const details = given ?? {};
    super(textOf(message), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = code === "ERR_ABORTED" ? "AbortError" : "McLossError";
    this.code = code;
    if (details.argument !== undefined) this.argument = details.argument;
    if (details.path !== undefined) this.path = details.path;
    if (details.op !== undefined) this.op = details.op;
    if (details.ranks !== undefined) this.ranks = details.ranks;
  }
}

/** An `ERR_ARGUMENT` error about `argument`, whose message starts with the argument's name. */
export function invalidArgument(argument: string, problem: string): McLossError {
  return new McLossError("ERR_ARGUMENT", `${textOf(argument)} ${problem}`, { argument });
}

/** Of what should be a text: a template takes neither a Symbol nor every object. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : shown(value);
}
