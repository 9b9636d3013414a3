import { printJsonLine } from "./format.js";

/** Objects on stdout, each as soon as it is known. */
export interface JsonStream {
  write: (value: object) => void;
  end: () => void;
}

/** JSON Lines: an object a line. */
export function jsonLines(): JsonStream {
  return { write: printJsonLine, end: () => undefined };
}

/** One array, with a line for each object. */
export function jsonArray(): JsonStream {
  let empty = true;
  return {
    write(value) {
      process.stdout.write((empty ? "[\n" : ",\n") + JSON.stringify(value));
      empty = false;
    },
    end: () => process.stdout.write(empty ? "[]\n" : "\n]\n"),
  };
}
