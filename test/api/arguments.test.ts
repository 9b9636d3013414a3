import { expect } from "chai";
import fc from "fast-check";
import { McLossError } from "mutual-channel-loss";
import { decodeMemory } from "mutual-channel-loss/data";
import { allowTf32, debugMemory } from "mutual-channel-loss/tensor";
import { subpaths } from "../support/api.js";
import { failure, WRONG } from "../support/wrong-arguments.js";

type AnyFunction = (...args: unknown[]) => unknown;
type AnyClass = new (...args: unknown[]) => unknown;

// Those of setup() would build.
const functions = Object.entries(subpaths)
  .filter(([subpath]) => subpath !== "setup")
  .flatMap(([, names]) => Object.entries(names))
  .filter((entry): entry is [string, AnyFunction] => typeof entry[1] === "function");

const isClass = (value: AnyFunction) => /^class\b/.test(Function.prototype.toString.call(value));

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
