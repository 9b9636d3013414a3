/** Stable, documented identifiers of every error this package throws. */
export type ErrorCode =
  | "ERR_ARGUMENT"
  | "ERR_SHAPE"
  | "ERR_DTYPE"
  | "ERR_DISPOSED"
  | "ERR_TORCH"
  | "ERR_OUT_OF_MEMORY"
  | "ERR_UNSUPPORTED"
  | "ERR_LIBTORCH_MISSING"
  | "ERR_LIBTORCH_MISMATCH"
  | "ERR_ADDON_MISSING"
  | "ERR_BUILD"
  | "ERR_DATASET"
  | "ERR_IMAGE"
  | "ERR_CHECKPOINT"
  | "ERR_NAN_LOSS"
  | "ERR_NAN_GRADIENT"
  | "ERR_NAN_OUTPUT"
  | "ERR_IO"
  | "ERR_ABORTED"
  | "ERR_BUSY";

/** What an error is about, beyond its message. */
export interface ErrorDetails {
  /** The name of the argument or option at fault. */
  argument?: string;
  /** The file or folder at fault. */
  path?: string;
  /** The LibTorch operator, or custom function, that failed. */
  op?: string;
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

  constructor(code: ErrorCode, message: string, given?: ErrorDetails) {
    // Not a default: null is none either.
    const details = given ?? {};
    super(textOf(message), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = code === "ERR_ABORTED" ? "AbortError" : "McLossError";
    this.code = code;
    if (details.argument !== undefined) this.argument = details.argument;
    if (details.path !== undefined) this.path = details.path;
    if (details.op !== undefined) this.op = details.op;
  }
}

/** An `ERR_ARGUMENT` error about `argument`, whose message starts with the argument's name. */
export function invalidArgument(argument: string, problem: string): McLossError {
  return new McLossError("ERR_ARGUMENT", `${textOf(argument)} ${problem}`, { argument });
}

/** Of what should be a text: a Symbol has none in a template. */
function textOf(value: unknown): string {
  return String(value);
}
