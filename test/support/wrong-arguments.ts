/** What no argument should be, or that is a right one at another place. Paths name nothing, so that nothing is written. */
export const WRONG: readonly unknown[] = [
  undefined,
  null,
  0,
  -1,
  1.5,
  NaN,
  2 ** 40,
  7n,
  true,
  "",
  "/no/such/place",
  Symbol("wrong"),
  () => undefined,
  [],
  [undefined],
  [1, 2],
  ["/no/such/place"],
  {},
  { length: 2 },
  { unknownOption: 1 },
  { signal: 1 },
  new Uint8Array(3),
  new Map(),
  new Date(0),
];

/** What a call throws or rejects with: of a generator, what its first step does. */
export async function failure(call: () => unknown): Promise<unknown> {
  try {
    const result = await call();
    if (typeof result !== "object" || result === null) return undefined;
    if (Symbol.asyncIterator in result && "next" in result) await (result as AsyncGenerator).next();
    if ("close" in result) await (result as { close: () => Promise<void> }).close();
    return undefined;
  } catch (error) {
    return error;
  }
}
