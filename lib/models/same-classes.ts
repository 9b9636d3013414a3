import { invalidArgument } from "../errors.js";
import type { Model } from "./model.js";

/** Anything whose labels are indices into `classes`: a loader or a data set. One of the caller's own may not tell them. */
export interface Labelled {
  readonly classes?: readonly string[];
}

/**
 * Labels are numbers, so that other classes, or the same in another order, would count as the model's.
 * @param argument what messages call the images
 * @throws McLossError ERR_ARGUMENT where the classes are not the model's, by their names where it has them
 */
export function checkSameClasses({ spec, info }: Model, { classes }: Labelled, argument = "loader"): void {
  if (!classes) return;
  if (classes.length > spec.classes) {
    const text = `has ${classes.length} classes, but the model has ${spec.classes}: give the model as many, or take away the others`;
    throw invalidArgument(argument, text);
  }
  if (info.classNames) compareNames(argument, classes, info.classNames, "the model", "model.info.classNames");
}

/**
 * @param argument what messages call the images
 * @param whose what messages call what has the expected names, and `given` where they are in a program
 * @throws McLossError ERR_ARGUMENT for the first class that is not the expected one
 */
export function compareNames(
  argument: string,
  classes: readonly string[],
  expected: readonly string[],
  whose: string,
  given: string,
): void {
  const wrong = classes.findIndex(
    (name, label) => name.normalize("NFC") !== expected[label]?.normalize("NFC"),
  );
  if (wrong === -1) return;
  const name = classes[wrong] ?? "";
  const known = expected.some((other) => other.normalize("NFC") === name.normalize("NFC"));
  const problem = known
    ? `has other labels: ${wrong} is "${name}", but "${expected[wrong] ?? ""}" in ${whose}. Open it with { classes: ${given} }`
    : `has the class "${name}", which ${whose} does not have: take it away, or train with it`;
  throw invalidArgument(argument, problem);
}
