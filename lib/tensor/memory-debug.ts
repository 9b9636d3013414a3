import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { checkFunction } from "../check-argument.js";
import { bytesOf, type Device, type Dtype } from "../native/dtype.js";
import { PACKAGE_ROOT } from "../package.js";

/** A tensor that the garbage collector found before anything disposed it. */
export interface UndisposedTensor {
  shape: number[];
  dtype: Dtype;
  device: Device;
  /** Of its own elements; it may have been a view of a larger tensor. */
  bytes: number;
  /** Where it was made: the calls below this package's own, innermost first. */
  stack: string;
}

/** As it is run, and as source maps tell of it. */
const OWN_CODE = ["dist", "lib"].map((name) => join(PACKAGE_ROOT, name, "/"));
const STACK_DEPTH = 50;

let registry: FinalizationRegistry<UndisposedTensor> | undefined;

/**
 * Reports tensors that are made from now on and are collected without having been disposed, with the stack that made
 * them: what a tidy(), a `using` or a dispose() is missing for. With true as a process warning, the first of each stack;
 * with a function, each of them. False, the default, costs nothing. MCLOSS_DEBUG_MEMORY=1 in the environment is true from
 * the start. A report comes when the collector runs, which `node --expose-gc` and `gc()` hasten.
 */
export function debugMemory(report: boolean | ((tensor: UndisposedTensor) => void)): void {
  if (typeof report !== "boolean") checkFunction("report", report);
  const callback = report === true ? warnOncePerStack() : report;
  registry = callback === false ? undefined : new FinalizationRegistry(callback);
}

if (process.env["MCLOSS_DEBUG_MEMORY"] === "1") debugMemory(true);

/** Called for every new tensor. */
export function watch(tensor: Pick<UndisposedTensor, "shape" | "dtype" | "device">): void {
  if (!registry) return;
  const { shape, dtype, device } = tensor;
  const bytes = shape.reduce((product, size) => product * size, bytesOf(dtype));
  registry.register(tensor, { shape, dtype, device, bytes, stack: callersStack() }, tensor);
}

/** Called for every tensor that is disposed. */
export function unwatch(tensor: object): void {
  registry?.unregister(tensor);
}

function callersStack(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = STACK_DEPTH;
  const { stack = "" } = new Error();
  Error.stackTraceLimit = limit;
  const [, ...calls] = stack.split("\n");
  const own = OWN_CODE.flatMap((folder) => [folder, pathToFileURL(folder).href]);
  const outside = calls.filter((call) => !own.some((folder) => call.includes(folder)));
  // A bundler makes one file of this package and its caller.
  return (outside.length > 0 ? outside : calls).join("\n");
}

function warnOncePerStack(): (tensor: UndisposedTensor) => void {
  const told = new Set<string>();
  return ({ shape, dtype, device, bytes, stack }) => {
    if (told.has(stack)) return;
    told.add(stack);
    const text = `a tensor, ${dtype} [${shape.join(", ")}] on ${device} (${bytes} bytes), was collected without dispose()`;
    process.emitWarning(text, { type: "MemoryWarning", code: "MCLOSS_UNDISPOSED", detail: stack });
  };
}
