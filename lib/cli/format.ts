/** Numbers for people, and JSON for programs. */

/** A dash stands for what was not measured, or is no number. */
const UNKNOWN = "–";

export function percent(share: number | null | undefined): string {
  return isKnown(share) ? `${(100 * share).toFixed(2)} %` : UNKNOWN;
}

export function decimals(value: number | null | undefined): string {
  return isKnown(value) ? value.toFixed(3) : UNKNOWN;
}

function isKnown(value: number | null | undefined): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** The version of the shapes in docs/cli.md: larger where a key goes, or comes to mean something else. */
const JSON_FORMAT = 1;

/** One JSON document on stdout: an object with its version, or a list. */
export function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(versioned(value), onlyFinite, 2)}\n`);
}

/** One line of JSON Lines on stdout: an object with its version. */
export function printJsonLine(value: object): void {
  process.stdout.write(`${JSON.stringify(versioned(value), onlyFinite)}\n`);
}

/** JSON has no numbers that are not finite: they are left out, rather than being null. */
function onlyFinite(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? undefined : value;
}

function versioned(value: object): object {
  return Array.isArray(value) ? value : { format: JSON_FORMAT, ...value };
}
