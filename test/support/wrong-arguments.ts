const circular: Record<string, unknown> = { name: "circular" };
circular["itself"] = circular;
const circularList: unknown[] = [];
circularList.push(circularList);

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
  circular,
  circularList,
  Object.create(null),
  Object.create(Object.create(null) as object),
  [Symbol("wrong")],
  { toJSON: () => undefined },
  { toString: null, valueOf: null },
];

/** What a call throws or rejects with: of a generator, what its first step does. */
export async function failure(call: () => unknown): Promise<unknown> {
  try {
    const made = call();
    // A run is a promise too, and is asked for its first event instead.
    const result = made instanceof Promise ? ((await made) as unknown) : made;
    if (typeof result !== "object" || result === null) return undefined;
    if (Symbol.asyncIterator in result && "next" in result) await firstOf(result as AsyncGenerator);
    if ("close" in result) await (result as { close: () => Promise<void> }).close();
    return undefined;
  } catch (error) {
    return error;
  }
}

async function firstOf(events: AsyncGenerator): Promise<void> {
  await events.next();
  await events.return(undefined);
}
