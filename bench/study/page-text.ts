/** A row of a table in Markdown. */
export function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** A share as tables have it, in %. */
export function percent(share: number): string {
  return (100 * share).toFixed(1);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** An item of a list in Markdown. */
export function listItem(line: string): string {
  return `- ${line}`;
}
