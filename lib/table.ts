import stringWidth from "fast-string-width";

/**
 * Columns aligned with two spaces between them: the first, and those of `left`, to the left, the others to the right.
 */
export function formatTable(rows: readonly (readonly string[])[], left: readonly number[] = []): string {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(widest[column] ?? 0, stringWidth(cell))),
    [],
  );
  const align = (cell: string, column: number) => {
    const width = widths[column] ?? 0;
    const space = " ".repeat(width - stringWidth(cell));
    return column === 0 || left.includes(column) ? cell + space : space + cell;
  };
  return rows.map((row) => row.map(align).join("  ").trimEnd()).join("\n");
}
