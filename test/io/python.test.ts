import { expect } from "chai";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Tensor } from "mutual-channel-loss";
import { loadStateDict, openSafetensors, saveStateDict, writeSafetensors } from "mutual-channel-loss/tensor";
import { findTorchPackage } from "#lib/setup/python.js";
import { temporaryFolder } from "../support/images.js";

const SCRIPT = fileURLToPath(new URL("state_dicts.py", import.meta.url));

type Fields = Record<string, [dtype: string, shape: number[], hex: string]>;

const folder = temporaryFolder();

function python(command: string, path: string): Fields {
  const { stdout, stderr } = spawnSync("python3", [SCRIPT, command, path], {
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  expect(stdout, stderr).to.not.equal("");
  return JSON.parse(stdout) as Fields;
}

describe("state dicts between Python and here, bit for bit (skipped where it has no PyTorch)", () => {
  let written: Fields;
  let state: Record<string, Tensor>;

  before(async function () {
    if (typeof (await findTorchPackage("python3")) !== "string") this.skip();
    written = python("write", folder());
    state = await loadStateDict(join(folder(), "state.pth"));
  });

  it("what torch.save wrote comes back from saveStateDict", async () => {
    const path = join(folder(), "back.safetensors");
    await saveStateDict(path, state, { metadata: { format: "pt" } });
    expect(python("read", path)).to.deep.equal(written);
  });

  it("a training's checkpoint gives the network's tensors, without DataParallel's prefix", async () => {
    const network = python("train", folder());
    const options = { key: "model", prefix: "module." };
    const path = join(folder(), "network.safetensors");
    await saveStateDict(path, await loadStateDict(join(folder(), "checkpoint.pth"), options));
    expect(python("read", path)).to.deep.equal(network);
  });

  it("the package safetensors reads what is written here, and the other way round (skipped without it)", async function () {
    const theirs = join(folder(), "state.safetensors");
    if (!existsSync(theirs)) this.skip();
    const path = join(folder(), "again.safetensors");
    await saveStateDict(path, await loadStateDict(theirs));
    expect(python("load", path)).to.deep.equal(written);
    await using file = await openSafetensors(theirs);
    const read = [...file.tensors.keys()].map(async (name) => [name, await file.read(name)] as const);
    await writeSafetensors(path, file.tensors, await Promise.all(read));
    expect(python("load", path)).to.deep.equal(written);
  });
});
