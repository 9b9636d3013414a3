import { expect } from "chai";
import { spawnSync } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  manualSeed,
  noGrad,
  resnet101,
  resnet152,
  resnet18,
  resnet34,
  resnet50,
  resnext50_32x4d,
  tensor,
  vgg16,
  wide_resnet50_2,
  type Model,
  type Tensor,
} from "mutual-channel-loss";
import { loadStateDict, ops, saveStateDict } from "mutual-channel-loss/tensor";
import { expectClose, numbersOf, stateOf } from "../support/fixtures.js";
import { temporaryFolder } from "../support/images.js";

const SCRIPT = fileURLToPath(new URL("torchvision_networks.py", import.meta.url));
const SAMPLES = 1000;

const size = { classes: 10, inputSize: 64 };
const networks: Record<string, () => Model> = {
  resnet18: () => resnet18(size),
  resnet34: () => resnet34(size),
  resnet50: () => resnet50({ ...size, head: "linear" }),
  resnet101: () => resnet101({ ...size, head: "linear" }),
  resnet152: () => resnet152({ ...size, head: "linear" }),
  resnext50_32x4d: () => resnext50_32x4d({ ...size, head: "linear" }),
  wide_resnet50_2: () => wide_resnet50_2({ ...size, head: "linear" }),
  vgg16: () => vgg16({ ...size, batchNorm: false }),
  vgg16_bn: () => vgg16(size),
};

const folder = temporaryFolder();

function python(...args: string[]): string {
  const { stdout, stderr, status } = spawnSync("python3", [SCRIPT, ...args], { encoding: "utf8" });
  expect(status, stderr).to.equal(0);
  return stdout;
}

describe("networks of torchvision, both ways", function () {
  this.timeout(900_000);

  before(function () {
    const find = "import importlib.util as u; print(all(u.find_spec(n) for n in ('torch', 'torchvision')))";
    const { stdout } = spawnSync("python3", ["-c", find], { encoding: "utf8" });
    if (stdout.trim() === "True") return;
    // Mocha prints the reason beside the skipped tests.
    this.test!.parent!.title += " (skipped: python3 has no torch and torchvision)";
    this.skip();
  });

  for (const [name, build] of Object.entries(networks)) {
    it(`${name}: its weights give its logits within 1e-5 and its gradients, and ours load into it`, async () => {
      python("write", name, folder());
      using model = build();
      model.loadStateDict(await loadStateDict(join(folder(), "state.pth")));
      const expected = await loadStateDict(join(folder(), "expected.pth"));
      const images = expected["images"]!;
      // Python's layout, and so its kernels: channels-last ones round otherwise, in PyTorch too (5e-5 for resnet50 here).
      await model.to({ channelsLast: false });
      const { logits } = await noGrad(() => model.eval().forward(images));
      await expectClose(logits, expected["eval"]!, 1e-5, "eval");

      const saved = join(folder(), "ours.safetensors");
      await saveStateDict(saved, stateOf(model));
      const theirs = JSON.parse(python("read", name, saved)) as number[];
      expect(await numbersOf(logits)).to.satisfy((ours: number[]) =>
        ours.every((value, i) => Math.abs(value - theirs[i]!) <= 1e-5 * Math.max(1, Math.abs(value))),
      );

      await model.to("float64");
      manualSeed(0);
      const trained = (await model.train().forward(images)).logits;
      await expectClose(trained, expected["train"]!, 1e-9, "train");
      const labels = tensor(Int32Array.of(3, 7), { dtype: "int64" });
      await (ops("aten::cross_entropy_loss", trained, labels) as Tensor).backward();
      await expectGradients(model, expected);
      await rm(saved);
    });
  }
});

/** In float64, within a millionth of the gradient's norm; where the true gradient is 0, both are rounding. */
async function expectGradients(model: Model, expected: Record<string, Tensor>): Promise<void> {
  for (const { name, tensor: parameter, trainable } of model.state()) {
    if (!trainable) continue;
    const gradient = parameter.grad!.flatten();
    const [count] = gradient.shape as [number];
    const norm = expected[`norm.${name}`]!.item();
    const tolerance = Math.max(1e-6 * norm, 1e-12);
    const got = (ops("aten::linalg_vector_norm", gradient) as Tensor).item();
    expect(got, name).to.be.closeTo(norm, tolerance);
    const step = Math.max(1, Math.floor(count / SAMPLES));
    const sampled = await numbersOf(ops("aten::slice.Tensor", gradient, 0, 0, count, step) as Tensor);
    const wanted = await numbersOf(expected[`gradient.${name}`]!);
    expect(sampled).to.have.length(wanted.length);
    const off = wanted.findIndex((value, i) => !(Math.abs(sampled[i]! - value) <= tolerance));
    expect(off, `gradient of ${name}: ${sampled[off]} is not ${wanted[off]}`).to.equal(-1);
  }
}
