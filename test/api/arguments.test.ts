import { expect } from "chai";
import fc from "fast-check";
import { McLossError } from "mutual-channel-loss";
import { decodeMemory } from "mutual-channel-loss/data";
import { allowTf32, debugMemory } from "mutual-channel-loss/tensor";
import { isClass, subpaths } from "../support/api.js";
import { failure, WRONG } from "../support/wrong-arguments.js";

type AnyFunction = (...args: unknown[]) => unknown;
type AnyClass = new (...args: unknown[]) => unknown;

// Those of setup() would build.
const functions = Object.entries(subpaths)
  .filter(([subpath]) => subpath !== "setup")
  .flatMap(([, names]) => Object.entries(names))
  .filter((entry): entry is [string, AnyFunction] => typeof entry[1] === "function");

describe("every function and class of the package", () => {
  const [bytes, tf32] = [decodeMemory(), allowTf32()];
  after(() => {
    decodeMemory(bytes);
    allowTf32(tf32);
    debugMemory(false);
  });

  for (const [name, value] of functions) {
    const call = (args: readonly unknown[]) => () =>
      isClass(value) ? new (value as unknown as AnyClass)(...args) : value(...args);
    const expectClear = async (args: readonly unknown[]) => {
      const error = await failure(call(args));
      if (error === undefined || error instanceof McLossError) return;
      expect.fail(error instanceof Error ? (error.stack ?? error.message) : "no error");
    };

    it(`${name} throws McLossErrors alone, whatever it is given`, async () => {
      const wrong = fc.array(fc.constantFrom(...WRONG), { maxLength: 4 });
      await fc.assert(fc.asyncProperty(wrong, expectClear), { numRuns: 100, seed: 1 });
      const options = await optionsOf(call);
      if (options.length === 0) return;
      const given = fc.dictionary(fc.constantFrom(...options), fc.constantFrom(...WRONG), { maxKeys: 3 });
      const first = given.map((record) => [record]);
      await fc.assert(fc.asyncProperty(first, expectClear), { numRuns: 100, seed: 1 });
    });
  }

  it("that takes options first is given its own", async () => {
    const taking = functions.map(([, value]) => optionsOf((args) => () => value(...args)));
    expect((await Promise.all(taking)).filter((options) => options.length > 0)).to.have.length.above(20);
  });
});

/** The options that a function takes first, as it tells them of one that it does not know. */
async function optionsOf(call: (args: readonly unknown[]) => () => unknown): Promise<string[]> {
  const error = await failure(call([{ someOtherOption: 1 }]));
  const [, names] = /\(there is (.*)\)/.exec(error instanceof Error ? error.message : "") ?? [];
  return names?.split(", ") ?? [];
}
