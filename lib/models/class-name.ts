/** The name of a class, or its number where it has none. */
export function className(classNames: readonly string[] | undefined, index: number): string {
  return classNames?.[index] ?? String(index);
}
