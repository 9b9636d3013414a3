/** Numbers for people, and JSON for programs. */

export function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

export function decimals(value: number): string {
  return value.toFixed(3);
}

/** The version of the shapes in docs/cli.md: larger where a key goes, or comes to mean something else. */
const JSON_FORMAT = 1;

/** One JSON document on stdout: an object with its version, or a list. */
export function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(versioned(value), null, 2)}\n`);
}

/** One line of JSON Lines on stdout: an object with its version. */
export function printJsonLine(value: object): void {
  process.stdout.write(`${JSON.stringify(versioned(value))}\n`);
}

function versioned(value: object): object {
  return Array.isArray(value) ? value : { format: JSON_FORMAT, ...value };
}
