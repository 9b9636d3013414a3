import { expect } from "chai";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { tensor, type Tensor } from "mutual-channel-loss";
import { ops } from "mutual-channel-loss/tensor";
import { addonCandidates } from "#lib/addon/load.js";
import { readBuildInfo } from "#lib/addon/build-info.js";
import { libtorchVersion } from "#lib/addon/libtorch.js";
import { findTorchPackage } from "#lib/setup/python.js";

const problem = {
  shape: [2, 8, 5, 5],
  features: Array.from({ length: 400 }, (_, i) => ((i * 7919) % 1000) / 500 - 1),
  labels: [1, 2],
  mask: [1, 0, 0, 1, 1, 1, 0, 1],
  classes: [1, 2],
  channels: [2, 3],
};

/** Loss and gradient by the addon, as bits. */
async function differentiate(): Promise<number[]> {
  const { shape, features, labels, mask, classes, channels } = problem;
  const x = tensor(Float32Array.from(features), { shape, requiresGrad: true });
  const [loss] = ops("mcloss::mc_loss", x, tensor(Int32Array.from(labels)), classes, channels, {
    mask: tensor(Uint8Array.from(mask)),
  }) as [Tensor];
  await loss.backward();
  const gradient = (await x.grad!.data()) as Float32Array;
  return [...new Int32Array(Float32Array.from([loss.item(), ...gradient]).buffer)];
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = dirname(addonCandidates().find((path) => existsSync(path))!);

function python(args: string[], input: string): { stdout: string; stderr: string; status: number | null } {
  return spawnSync("python3", args, { input, encoding: "utf8", cwd: root });
}

describe("torch.ops.mcloss in Python (skipped where it has no PyTorch of the addon's version)", () => {
  before(async function () {
    const torch = await findTorchPackage("python3");
    const found = typeof torch === "string" ? libtorchVersion(torch) : undefined;
    if (found === undefined || found !== readBuildInfo(folder)?.torchVersion) this.skip();
  });

  it("gives the same bits as the addon, also compiled; knows its shapes, and autocast", async () => {
    const script = fileURLToPath(new URL("torch_ops.py", import.meta.url));
    const { stdout, stderr } = python([script, join(folder, "libmcloss_ops.so")], JSON.stringify(problem));
    expect(stdout, stderr).to.not.equal("");
    const said = JSON.parse(stdout) as Record<
      "eager" | "compiled" | "soft" | "softCompiled" | "meta" | "autocast",
      unknown
    >;
    const expected = await differentiate();
    expect(said.eager).to.deep.equal(expected);
    expect(said.compiled).to.deep.equal(expected);
    expect(said.softCompiled).to.deep.equal(said.soft);
    expect(said.soft).to.not.deep.equal(said.eager);
    expect(said.meta).to.deep.equal(Array(3).fill(["meta", [], "torch.float32"]));
    expect(said.autocast).to.deep.equal(["torch.float32", true]);
  });

  it("runs as docs/python.md shows", () => {
    const page = readFileSync(join(root, "docs", "python.md"), "utf8");
    const example = /```python\n(.*?)```/s.exec(page)![1]!;
    const { stderr, status } = python(["-"], `${example}\nassert features.grad.abs().sum() > 0`);
    expect(status, stderr).to.equal(0);
  });
});
