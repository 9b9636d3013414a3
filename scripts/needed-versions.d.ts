export function highestVersions(output: string): Record<string, string>;
export function neededVersions(files: readonly string[]): Record<string, string>;
