/** Of the tests, unless others are asked for. */
export const TEST_SEEDS: readonly number[] = [0, 1, 2, 3, 4];
