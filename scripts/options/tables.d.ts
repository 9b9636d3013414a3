export function optionTables(
  registry: object,
  texts: Readonly<Record<string, Readonly<Record<string, string>>>>,
  source: string,
): string;
