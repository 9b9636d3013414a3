import type { MatArray } from "./mat-file.js";
import { throwProblem } from "./problems.js";

/** What a published MATLAB file must hold. Anything else is an ERR_DATASET error naming the file and variable. */

type MatKind<Type extends MatArray["type"]> = Extract<MatArray, { type: Type }>;

export function variable<Type extends MatArray["type"]>(
  file: string,
  variables: ReadonlyMap<string, MatArray>,
  name: string,
  type: Type,
): MatKind<Type> {
  const array = variables.get(name);
  if (array?.type === type) return array as MatKind<Type>;
  const found = array ? `is ${array.type}` : "is missing";
  return throwProblem({
    file,
    problem: `its variable ${name} must hold ${type}, but it ${found}: get the published file`,
  });
}

export function structField(file: string, struct: MatKind<"struct">, name: string): MatArray[] {
  const values = struct.fields.get(name);
  return values ?? throwProblem({ file, problem: `its struct has no field ${name}: get the published file` });
}

/** The number in an array of one. */
export function scalar(array: MatArray | undefined): number | undefined {
  return array?.type === "numbers" && array.data.length === 1 ? array.data[0] : undefined;
}

/** An integer from 1 to `most`, in an array of one. */
export function scalarNumber(array: MatArray | undefined, most: number): number | undefined {
  const value = scalar(array) ?? 0;
  return Number.isInteger(value) && value >= 1 && value <= most ? value : undefined;
}

/** One line of text that is not empty. */
export function line(array: MatArray | undefined): string | undefined {
  return array?.type === "text" && array.dims[0] === 1 && array.text !== "" ? array.text : undefined;
}

export function textCells(file: string, variables: ReadonlyMap<string, MatArray>, name: string): string[] {
  const { cells } = variable(file, variables, name, "cells");
  return cells.map(
    (cell, i) =>
      line(cell) ?? throwProblem({ file, problem: `${name}{${i + 1}} must be text: get the published file` }),
  );
}
