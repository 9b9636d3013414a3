import { expect } from "chai";
import fc from "fast-check";
import { McLossError } from "mutual-channel-loss";
import { decodeMemory } from "mutual-channel-loss/data";
import { allowTf32, debugMemory } from "mutual-channel-loss/tensor";
import { subpaths } from "../support/api.js";

/** What no argument should be, or that is a right one at another place. Paths name nothing, so that nothing is written. */
const WRONG: readonly unknown[] = [
  undefined,
  null,
  0,
  -1,
  1.5,
  NaN,
  2 ** 40,
  7n,
  true,
  "",
  "/no/such/place",
  Symbol("wrong"),
  () => undefined,
  [],
  [undefined],
  [1, 2],
  ["/no/such/place"],
  {},
  { length: 2 },
  { unknownOption: 1 },
  { signal: 1 },
  new Uint8Array(3),
  new Map(),
  new Date(0),
];

type AnyFunction = (...args: unknown[]) => unknown;
type AnyClass = new (...args: unknown[]) => unknown;

// Those of setup() would build.
const functions = Object.entries(subpaths)
  .filter(([subpath]) => subpath !== "setup")
  .flatMap(([, names]) => Object.entries(names))
  .filter((entry): entry is [string, AnyFunction] => typeof entry[1] === "function");

const isClass = (value: AnyFunction) => /^class\b/.test(Function.prototype.toString.call(value));

/** What a call throws or rejects with: of a generator, what its first step does. */
async function failure(call: () => unknown): Promise<unknown> {
  try {
    const result = await call();
    if (typeof result !== "object" || result === null) return undefined;
    if (Symbol.asyncIterator in result && "next" in result) await (result as AsyncGenerator).next();
    if ("close" in result) await (result as { close: () => Promise<void> }).close();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("every function and class of the package", () => {
  const [bytes, tf32] = [decodeMemory(), allowTf32()];
  after(() => {
    decodeMemory(bytes);
    allowTf32(tf32);
    debugMemory(false);
  });

  for (const [name, value] of functions) {
    it(`${name} throws McLossErrors alone, whatever it is given`, async () => {
      const call = (args: readonly unknown[]) => () =>
        isClass(value) ? new (value as unknown as AnyClass)(...args) : value(...args);
      await fc.assert(
        fc.asyncProperty(fc.array(fc.constantFrom(...WRONG), { maxLength: 4 }), async (args) => {
          const error = await failure(call(args));
          if (error === undefined || error instanceof McLossError) return;
          expect.fail(error instanceof Error ? (error.stack ?? error.message) : "no error");
        }),
        { numRuns: 100, seed: 1 },
      );
    });
  }
});
