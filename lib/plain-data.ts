/** Whether it is data by key: neither a list nor a single value. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Nested data as a list: ["optimizer.learningRate", 0.05]. A list in it is one value. */
export function flatten(data: unknown, path = ""): [path: string, value: unknown][] {
  if (!isRecord(data)) return [[path, data]];
  return Object.entries(data).flatMap(([key, inner]) => flatten(inner, path === "" ? key : `${path}.${key}`));
}

/** As {@link flatten}, with the values as texts. */
export function flattenTexts(data: unknown): [path: string, text: string][] {
  return flatten(data).map(([path, value]) => [path, textOf(value)]);
}

/** A text as it is, and any other value as JSON. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
