/** α and β of MC-Loss, as in the released code. */
export const DEFAULT_WEIGHTS = { alpha: 1.5, beta: 20 } as const;
