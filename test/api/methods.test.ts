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
import { ListDataset, normalize, resize } from "mutual-channel-loss/data";
import { ChannelHealthTally } from "mutual-channel-loss/loss";
import { Complex, Generator, openSafetensors, ops, saveStateDict } from "mutual-channel-loss/tensor";
import {
  Adam,
  AdamW,
  EMA,
  GradScaler,
  initProcessGroup,
  Optimizer,
  RMSprop,
  SGD,
} from "mutual-channel-loss/train";
import { isClass, subpaths } from "../support/api.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { failure, WRONG } from "../support/wrong-arguments.js";

const folder = temporaryFolder();
const network = () =>
  smallResNet({ classes: 3, inputSize: 32, width: 8, info: { transforms: [resize(32), normalize()] } });
let images: ImageFolder;
const loader = () => new DataLoader(images, { batchSize: 3, transforms: [resize(32), normalize()] });
const weight = () => tensor([1, 2, 3, 4], { shape: [2, 2], requiresGrad: true });
const groups = () => [{ parameters: [weight()] }];

/** A class of LibTorch's; every engine of the processor has it. */
const packedWeights = () => ops("quantized::linear_prepack_fp16", tensor([[1, 2]]), null);

/** A new object of each class, cheaply made. */
const MADE: Record<string, () => unknown> = {
  Tensor: weight,
  Generator: () => new Generator(1),
  ProcessGroup: () => initProcessGroup({ rank: 0, worldSize: 1 }),
  Complex: () => new Complex(1, 2),
  ScriptObject: packedWeights,
  HookHandle: () => weight().registerHook(() => undefined),
  McLossError: () => new McLossError("ERR_ARGUMENT", "it is wrong"),
  SafetensorsFile: () => openSafetensors(join(folder(), "weights.safetensors")),
  ChannelGroups: () => ChannelGroups.uniform(3, 2),
  ChannelHealthTally: () => new ChannelHealthTally(ChannelGroups.uniform(3, 2)),
  Model: network,
  Classifier: () => new Classifier(network()),
  ImageFolder: () => ImageFolder.open(join(folder(), "photos")),
  ListDataset: () => new ListDataset(images.classes, images.samples),
  DataLoader: loader,
  Batch: async () => (await loader().batches().next()).value,
  Optimizer: () => new Optimizer(groups(), { type: "sgd", learningRate: 0.1 }),
  SGD: () => new SGD(groups(), { learningRate: 0.1 }),
  Adam: () => new Adam(groups(), { learningRate: 0.1 }),
  AdamW: () => new AdamW(groups(), { learningRate: 0.1 }),
  RMSprop: () => new RMSprop(groups(), { learningRate: 0.1 }),
  GradScaler: () => new GradScaler(),
  EMA: () => new EMA(network(), 0.9),
  Trainer: () => new Trainer(network(), { epochs: 1 }),
  Run: () => new Trainer(network(), { epochs: 1 }).fit(loader()),
};
/** Classes that others extend. */
const ABSTRACT: readonly string[] = ["TensorOperators"];

type Member = readonly [name: string | symbol, kind: "method" | "getter" | "setter"];

/** The methods, getters and setters, own and inherited. */
function membersOf(object: object): Member[] {
  const members = new Map<string | symbol, Member[]>();
  for (let type: unknown = Object.getPrototypeOf(object); type !== Object.prototype && type !== null;) {
    for (const key of Reflect.ownKeys(type as object)) {
      if (members.has(key) || key === "constructor") continue;
      const member = Object.getOwnPropertyDescriptor(type, key)!;
      const kinds = { get: "getter", set: "setter", value: "method" } as const;
      const own = (["get", "set", "value"] as const).filter((kind) => typeof member[kind] === "function");
      members.set(
        key,
        own.map((kind) => [key, kinds[kind]]),
      );
    }
    type = Object.getPrototypeOf(type);
  }
  return [...members.values()].flat();
}

type Made = Record<string | symbol, unknown>;

/** In a list, since a run is a promise as well. */
async function madeBy(make: () => unknown): Promise<[Made]> {
  const made = make();
  return [(made instanceof Promise ? await made : made) as Made];
}

function use(made: Made, [name, kind]: Member, args: readonly unknown[]): () => unknown {
  if (kind === "setter") return () => void (made[name] = args[0]);
  // In a list, as what it gives may be a promise, whose failure is another call's.
  if (kind === "getter") return () => [made[name]];
  return () => (made[name] as (...given: unknown[]) => unknown)(...args);
}

/** What was thrown that is no McLossError, by the member. */
class Raw {
  readonly #stacks = new Map<string, string>();

  async try(name: string, call: () => unknown): Promise<void> {
    const error = await failure(call);
    if (error === undefined || error instanceof McLossError) return;
    this.#stacks.set(name, error instanceof Error ? (error.stack ?? "") : "no error");
  }

  expectNone(): void {
    const told = [...this.#stacks].map(
      ([name, stack]) => `${name}: ${stack.split("\n").slice(0, 3).join(" ")}`,
    );
    expect(told).to.deep.equal([]);
  }
}

async function end(made: Made): Promise<void> {
  for (const name of ["dispose", "close"]) {
    const method = made[name];
    if (typeof method === "function") await method.call(made);
  }
}

async function membersMadeBy(make: () => unknown): Promise<Member[]> {
  const [made] = await madeBy(make);
  const members = membersOf(made);
  await end(made);
  return members;
}

const wrong = fc.array(fc.constantFrom(...WRONG), { maxLength: 3 });
const exported = Object.values(subpaths).flatMap((names) => Object.entries(names));
const classes = exported.filter((entry): entry is [string, new () => unknown] => isClass(entry[1]));

describe("every method of the package's classes", () => {
  before(async () => {
    images = await ImageFolder.open(await writeColorFolder(join(folder(), "photos"), 1));
    await saveStateDict(join(folder(), "weights.safetensors"), { weight: weight() });
  });

  it("is tried", () => {
    const untried = classes
      .map(([name]) => name)
      .filter((name) => !(name in MADE) && !ABSTRACT.includes(name));
    expect(untried).to.deep.equal([]);
  });

  for (const [name, make] of Object.entries(MADE)) {
    it(`of ${name} throws McLossErrors alone, whatever it is given`, async () => {
      const raw = new Raw();
      for (const member of await membersMadeBy(make)) {
        await fc.assert(
          fc.asyncProperty(wrong, async (args) => {
            const [made] = await madeBy(make);
            await raw.try(String(member[0]), use(made, member, args));
            await end(made);
          }),
          { numRuns: member[1] === "getter" ? 1 : name === "Tensor" ? 6 : 15, seed: 1 },
        );
      }
      raw.expectNone();
    });

    it(`of ${name} does so after its end too`, async () => {
      const raw = new Raw();
      for (const member of await membersMadeBy(make)) {
        const [made] = await madeBy(make);
        await end(made);
        await raw.try(String(member[0]), use(made, member, []));
      }
      raw.expectNone();
    });
  }

  for (const [name, type] of classes) {
    const statics = Object.getOwnPropertyNames(type).filter(
      (key) => typeof (type as unknown as Made)[key] === "function",
    );
    if (statics.length === 0) continue;
    it(`static of ${name} does so too`, async () => {
      const raw = new Raw();
      for (const key of statics) {
        const call = use(type as unknown as Made, [key, "method"], []);
        await raw.try(key, call);
        await fc.assert(
          fc.asyncProperty(wrong, (args) =>
            raw.try(key, use(type as unknown as Made, [key, "method"], args)),
          ),
          { numRuns: 50, seed: 1 },
        );
      }
      raw.expectNone();
    });
  }
});
