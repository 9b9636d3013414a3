/** A field of a line. One that is not known is empty. */
export type CsvField = string | number | boolean | null | undefined;

/** RFC 4180. */
export function formatCsv(rows: readonly (readonly CsvField[])[]): string {
  return rows.map((row) => `${row.map(quote).join(",")}\r\n`).join("");
}

function quote(field: CsvField): string {
  const text = typeof field === "number" && !Number.isFinite(field) ? "" : String(field ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
