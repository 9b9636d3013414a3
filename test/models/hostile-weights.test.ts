import { expect } from "chai";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { smallResNet, tensor, type Model } from "mutual-channel-loss";
import { fetchWeights, loadWeights } from "mutual-channel-loss/models";
import { saveStateDict, type Tensor } from "mutual-channel-loss/tensor";
import { rejected } from "../support/errors.js";
import { numbersOf, stateOf } from "../support/fixtures.js";
import { temporaryFolder } from "../support/images.js";
import { pickledTensors, storedZip } from "../support/pth.js";

const folder = temporaryFolder();
const path = (name: string) => join(folder(), name);

function network(): Model {
  return smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8, seed: 7 });
}

/** A .pth whose pickle and storage are given. */
async function pth(name: string, pickle: Buffer, storage = Buffer.alloc(16)): Promise<string> {
  const entries = [
    { name: "archive/data.pkl", data: pickle },
    { name: "archive/data/0", data: storage },
    { name: "archive/version", data: Buffer.from("3\n") },
  ];
  await writeFile(path(name), storedZip(entries));
  return path(name);
}

async function weightsOf(model: Model): Promise<Record<string, number[]>> {
  const state = Object.entries(stateOf(model));
  return Object.fromEntries(
    await Promise.all(state.map(async ([name, value]) => [name, await numbersOf(value)] as const)),
  );
}

describe("weights from files that nobody should trust", () => {
  let model: Model;
  let before: Record<string, number[]>;
  let first: string;

  beforeEach(async () => {
    model = network();
    before = await weightsOf(model);
    first = model.state()[0]!.name;
  });
  afterEach(() => model.dispose());

  async function refused(file: string): Promise<string> {
    const error = await rejected(loadWeights(model, file));
    expect(error.code).to.equal("ERR_CHECKPOINT");
    expect(error.message).to.contain(file);
    expect(await weightsOf(model), "the model is as it was").to.deep.equal(before);
    return error.message;
  }

  for (const [what, opcodes] of [
    ["os.system", "cposix\nsystem\n(X\x04\0\0\0truetR."],
    ["eval", "cbuiltins\neval\n(X\x03\0\0\x001+1tR."],
    ["a class of another module", "csubprocess\nPopen\n)\x81."],
    ["a function of torch that runs code", "ctorch.hub\nload\n(tR."],
  ] as const) {
    it(`that ask for ${what} are refused, and nothing runs`, async () => {
      const file = await pth("code.pth", Buffer.from(`\x80\x02${opcodes}`, "latin1"));
      expect(await refused(file)).to.match(/posix|builtins|subprocess|torch\.hub/);
    });
  }

  it("that are cut off anywhere are refused", async () => {
    const whole = await pth("whole.pth", pickledTensors([{ name: first }]));
    const bytes = await readFile(whole);
    for (const length of [0, 1, 3, 4, 29, 30, 100, Math.floor(bytes.length / 2), bytes.length - 1]) {
      await writeFile(path("cut.pth"), bytes.subarray(0, length));
      await refused(path("cut.pth"));
    }
  });

  it("whose tensors reach past their storage, or are said to be huge, are refused", async () => {
    for (const tensorOf of [
      { shape: [4000] },
      { offset: 2 },
      { strides: [1000] },
      { elements: 2 ** 40, shape: [2 ** 40] },
      { shape: [-4] },
    ]) {
      await refused(await pth("beyond.pth", pickledTensors([{ name: first, ...tensorOf }])));
    }
  });

  it("of wrong shapes, or with other names, have nothing that fits", async () => {
    const shapes = stateOf(model);
    const wrong = Object.fromEntries(
      Object.keys(shapes).map((name) => [name, tensor(new Float32Array(3), { shape: [3] })]),
    );
    await saveStateDict(path("wrong.safetensors"), wrong);
    expect(await refused(path("wrong.safetensors"))).to.contain("no weights that fit");
    const strange = Object.fromEntries(Object.entries(shapes).map(([name, value]) => [`${name}_`, value]));
    await saveStateDict(path("strange.safetensors"), strange);
    expect(await refused(path("strange.safetensors"))).to.contain("no weights that fit");
  });

  it("with names too many, or too few, give what fits, and tell the rest", async () => {
    const lacking = model.state().at(-1)!.name;
    const state = Object.entries(stateOf(network())).filter(([name]) => name !== lacking);
    const extra: Record<string, Tensor> = {
      ...Object.fromEntries(state),
      "__proto__.polluted": tensor(new Float32Array(1), { shape: [1] }),
      constructor: tensor(new Float32Array(1), { shape: [1] }),
    };
    await saveStateDict(path("extra.safetensors"), extra);
    const { unused, initialized } = await loadWeights(model, path("extra.safetensors"));
    expect(unused).to.have.members(["__proto__.polluted", "constructor"]);
    expect(initialized.map(({ name }) => name)).to.include(lacking);
    expect(({} as { polluted?: unknown }).polluted).to.equal(undefined);
  });

  it("that are not those of the name are refused before they are read", async () => {
    const file = await pth("resnet18-f37072fd.pth", pickledTensors([{ name: first }]));
    expect(await refused(file)).to.contain("damaged or another file");
    const spec = (await import("mutual-channel-loss/models")).resnet18.spec({ classes: 3 });
    const error = await rejected(
      fetchWeights(spec, { fromFile: file, env: { MCLOSS_CACHE: path("cache") } }),
    );
    expect(error.code).to.equal("ERR_CHECKPOINT");
  });
});
