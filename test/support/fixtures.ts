import { expect } from "chai";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Model, Tensor } from "mutual-channel-loss";

const FOLDER = new URL("../fixtures/torchvision/", import.meta.url);

/** The path of a file that test/fixtures/torchvision/make.py made. */
export function fixturePath(name: string): string {
  return fileURLToPath(new URL(name, FOLDER));
}

export function readFixture(name: string): unknown {
  return JSON.parse(readFileSync(fixturePath(name), "utf8"));
}

export async function numbersOf(value: Tensor): Promise<number[]> {
  return Array.from(await value.data(), Number);
}

/** A model's tensors by name. */
export function stateOf(model: Model): Record<string, Tensor> {
  return Object.fromEntries(model.state().map(({ name, tensor }) => [name, tensor]));
}

/** Expects the same shape and the same elements, within `tolerance` (relative above 1). */
export async function expectClose(
  actual: Tensor | null,
  wanted: Tensor,
  tolerance: number,
  message: string,
): Promise<void> {
  expect(actual?.shape, message).to.deep.equal(wanted.shape);
  const [got, expected] = [await numbersOf(actual!), await numbersOf(wanted)];
  const off = expected.findIndex((value, i) => {
    return !(Math.abs(got[i]! - value) <= tolerance * Math.max(1, Math.abs(value)));
  });
  expect(off, `${message}[${off}]: ${got[off]} is not ${expected[off]}`).to.equal(-1);
}
