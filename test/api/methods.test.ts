import { expect } from "chai";
import fc from "fast-check";
import { join } from "node:path";
import {
  ChannelGroups,
  Classifier,
  DataLoader,
  ImageFolder,
  McLossError,
  smallResNet,
  tensor,
  Trainer,
} from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import { ChannelHealthTally } from "mutual-channel-loss/loss";
import { Generator } from "mutual-channel-loss/tensor";
import { EMA, GradScaler, SGD } from "mutual-channel-loss/train";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { failure, WRONG } from "../support/wrong-arguments.js";

const folder = temporaryFolder();
const network = () =>
  smallResNet({ classes: 3, inputSize: 32, width: 8, info: { transforms: [resize(32), normalize()] } });
const images = () => ImageFolder.open(join(folder(), "photos"));

/** A new object of each class, cheaply made. */
const MADE: Record<string, () => unknown> = {
  Tensor: () => tensor([1, 2, 3, 4], { shape: [2, 2], requiresGrad: true }),
  Generator: () => new Generator(1),
  ChannelGroups: () => ChannelGroups.uniform(3, 2),
  ChannelHealthTally: () => new ChannelHealthTally(ChannelGroups.uniform(3, 2)),
  Model: network,
  Classifier: () => new Classifier(network()),
  ImageFolder: images,
  DataLoader: async () =>
    new DataLoader(await images(), { batchSize: 2, transforms: [resize(32), normalize()] }),
  SGD: () => new SGD([{ parameters: [tensor([1], { requiresGrad: true })] }], { learningRate: 0.1 }),
  GradScaler: () => new GradScaler(),
  EMA: () => new EMA(network(), 0.9),
  Trainer: () => new Trainer(network(), { epochs: 1 }),
};
/** Internal: given what the package itself made. */
const LEFT_OUT = new Set(["constructor", "loadFrom"]);

/** The methods and setters, own and inherited, by name. */
function membersOf(object: object): [name: string | symbol, setter: boolean][] {
  const members = new Map<string | symbol, boolean>();
  for (let type: unknown = Object.getPrototypeOf(object); type !== Object.prototype && type !== null;) {
    for (const key of Reflect.ownKeys(type as object)) {
      if (members.has(key) || LEFT_OUT.has(String(key))) continue;
      const member = Object.getOwnPropertyDescriptor(type, key)!;
      const setter = "set" in member && member.set !== undefined;
      if (setter || typeof member.value === "function") members.set(key, setter);
    }
    type = Object.getPrototypeOf(type);
  }
  return [...members];
}

describe("every method of the package's classes", function () {
  this.timeout(120_000);

  before(() => writeColorFolder(join(folder(), "photos"), 1));

  for (const [name, make] of Object.entries(MADE)) {
    it(`of ${name} throws McLossErrors alone, whatever it is given`, async () => {
      const raw = new Map<string, string>();
      for (const [key, setter] of membersOf((await make()) as object)) {
        await fc.assert(
          fc.asyncProperty(fc.array(fc.constantFrom(...WRONG), { maxLength: 3 }), async (args) => {
            const made = (await make()) as Record<string | symbol, unknown>;
            const call = setter
              ? () => void (made[key] = args[0])
              : () => (made[key] as (...given: unknown[]) => unknown)(...args);
            const error = await failure(call);
            if (error !== undefined && !(error instanceof McLossError)) {
              raw.set(String(key), error instanceof Error ? (error.stack ?? "") : "no error");
            }
            const { dispose } = made as { dispose?: () => void };
            if (typeof dispose === "function") dispose.call(made);
          }),
          { numRuns: name === "Tensor" ? 6 : 15, seed: 1 },
        );
      }
      expect(
        [...raw].map(([key, stack]) => `${key}: ${stack.split("\n").slice(0, 3).join(" ")}`),
      ).to.deep.equal([]);
    });
  }

  for (const type of [ChannelGroups, ImageFolder]) {
    it(`static of ${type.name} does so too`, async () => {
      const names = Object.getOwnPropertyNames(type).filter(
        (key) => typeof (type as unknown as Record<string, unknown>)[key] === "function",
      );
      for (const key of names) {
        await fc.assert(
          fc.asyncProperty(fc.array(fc.constantFrom(...WRONG), { maxLength: 3 }), async (args) => {
            const { [key]: method } = type as unknown as Record<string, (...given: unknown[]) => unknown>;
            const error = await failure(() => method!.apply(type, args));
            if (error === undefined || error instanceof McLossError) return;
            expect.fail(`${key}: ${error instanceof Error ? (error.stack ?? "") : "no error"}`);
          }),
          { numRuns: 50, seed: 1 },
        );
      }
    });
  }
});
