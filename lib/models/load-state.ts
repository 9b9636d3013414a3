import { McLossError } from "../errors.js";
import { noGrad } from "../tensor/grad-mode.js";
import { ops, type Tensor } from "../tensor/tensor.js";
import { isBatchCounter } from "./names.js";

/** One tensor of a model's state, by torchvision's name for it. */
export interface StateEntry {
  name: string;
  tensor: Tensor;
  /** A parameter; otherwise a buffer such as a running mean. */
  trainable: boolean;
}

/** What a state dict and a model do not have in common. */
export interface StateDifference {
  /** In the model alone: left as they were. */
  missing: string[];
  /** In the state dict alone: not used. */
  unexpected: string[];
  /** In both, with other shapes: left as they were. */
  mismatched: { name: string; expected: number[]; got: number[] }[];
}

interface Shaped {
  shape: readonly number[];
}

/** Copies tensors into a model's state by name; see Model.loadStateDict. */
export function loadState(
  state: readonly StateEntry[],
  tensors: Readonly<Record<string, Tensor>>,
  strict: boolean,
): StateDifference {
  const named = new Map(Object.entries(tensors));
  const difference = compareStates(state, named);
  if (strict) requireSame(difference);
  for (const { tensor, value } of pairStates(state, named)) overwrite(tensor, value);
  return difference;
}

/** Gives a parameter or buffer the elements of another tensor. */
function overwrite(tensor: Tensor, value: Tensor): void {
  noGrad(() => ops("aten::copy_", tensor, value));
}

/** The model's tensors with what a state dict has for them. */
export function pairStates<Value extends Shaped>(
  state: readonly StateEntry[],
  values: ReadonlyMap<string, Value>,
): { tensor: Tensor; value: Value }[] {
  return state.flatMap(({ name, tensor }) => {
    const value = values.get(name);
    return value && sameShape(tensor, value) ? [{ tensor, value }] : [];
  });
}

export function compareStates(
  state: readonly StateEntry[],
  values: ReadonlyMap<string, Shaped>,
): StateDifference {
  const own = new Set(state.map(({ name }) => name));
  return {
    missing: state.filter(({ name }) => !values.has(name) && !isBatchCounter(name)).map(({ name }) => name),
    unexpected: [...values.keys()].filter((name) => !own.has(name)),
    mismatched: state.flatMap(({ name, tensor }) => {
      const value = values.get(name);
      if (!value || sameShape(tensor, value)) return [];
      return [{ name, expected: tensor.shape, got: [...value.shape] }];
    }),
  };
}

function sameShape(a: Shaped, b: Shaped): boolean {
  return a.shape.join() === b.shape.join();
}

/** @throws McLossError ERR_CHECKPOINT naming the file at `path`; without one, ERR_ARGUMENT */
export function requireSame({ missing, unexpected, mismatched }: StateDifference, path?: string): void {
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
  const text = `${path ?? "the state dict"} ${first}${more}. { strict: false } loads what fits and tells the rest`;
  throw path === undefined
    ? new McLossError("ERR_ARGUMENT", text, { argument: "state" })
    : new McLossError("ERR_CHECKPOINT", text, { path });
}
