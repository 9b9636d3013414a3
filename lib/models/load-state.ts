import { McLossError } from "../errors.js";
import { noGrad } from "../tensor/grad-mode.js";
import { ops, type Tensor } from "../tensor/tensor.js";
import type { StateEntry } from "./model.js";

/** What a state dict and a model do not have in common. */
export interface StateDifference {
  /** In the model alone: left as they were. */
  missing: string[];
  /** In the state dict alone: not used. */
  unexpected: string[];
  /** In both, with other shapes: left as they were. */
  mismatched: { name: string; expected: number[]; got: number[] }[];
}

/** Copies tensors into a model's state by name; see Model.loadStateDict. */
export function loadState(
  state: readonly StateEntry[],
  tensors: Readonly<Record<string, Tensor>>,
  strict: boolean,
): StateDifference {
  const difference = compare(state, tensors);
  if (strict) requireSame(difference);
  const skipped = new Set(difference.mismatched.map(({ name }) => name));
  for (const { name, tensor } of state) {
    const value = tensors[name];
    if (value && !skipped.has(name)) overwrite(tensor, value);
  }
  return difference;
}

/** Gives a parameter or buffer the elements of another tensor. */
export function overwrite(tensor: Tensor, value: Tensor): void {
  // The result is a second handle on the tensor.
  (noGrad(() => ops("aten::copy_", tensor, value)) as Tensor).dispose();
}

function compare(state: readonly StateEntry[], tensors: Readonly<Record<string, Tensor>>): StateDifference {
  const own = new Set(state.map(({ name }) => name));
  const pairs = state.map(({ name, tensor }) => ({
    name,
    expected: tensor.shape,
    got: tensors[name]?.shape,
  }));
  return {
    missing: pairs.filter(({ got }) => got === undefined).map(({ name }) => name),
    unexpected: Object.keys(tensors).filter((name) => !own.has(name)),
    mismatched: pairs.flatMap(({ name, expected, got }) =>
      got && got.join() !== expected.join() ? [{ name, expected, got }] : [],
    ),
  };
}

function requireSame({ missing, unexpected, mismatched }: StateDifference): void {
  const problems = [
    ...missing.map((name) => `has no ${name}`),
    ...mismatched.map(
      ({ name, expected, got }) =>
        `has ${name} of shape [${got.join(", ")}], expected [${expected.join(", ")}]`,
    ),
    ...unexpected.map((name) => `has ${name}, which the model has not`),
  ];
  const [first] = problems;
  if (first === undefined) return;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more differences)` : "";
  const text = `the state dict ${first}${more}. { strict: false } loads what fits and tells the rest`;
  throw new McLossError("ERR_ARGUMENT", text, { argument: "state" });
}
