export const FLOOR: Readonly<Record<string, string>>;
export function dynamicSymbols(files: readonly string[]): string;
export function highestVersions(output: string): Record<string, string>;
export function symbolsAbove(output: string, floor?: Readonly<Record<string, string>>): string[];
