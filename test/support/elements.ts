import { Tensor } from "mutual-channel-loss";

/** Numbers, in nested arrays as the dimensions are. */
export type Elements = number | boolean | Elements[];

/** A tensor's elements in nested arrays; of an array's tensors too. */
export async function elements(value: unknown): Promise<Elements> {
  if (Array.isArray(value)) return Promise.all(value.map(elements));
  if (!(value instanceof Tensor)) return value as number | boolean;
  const flat = Array.from(await value.data(), Number);
  return nest(flat, value.shape);
}

/** The sizes of a tensor, or of each tensor in an array. */
export function shapes(value: unknown): unknown {
  return Array.isArray(value) ? value.map(shapes) : (value as Tensor).shape;
}

function nest(flat: number[], shape: readonly number[]): Elements {
  const [size, ...inner] = shape;
  if (size === undefined) return flat[0]!;
  const step = flat.length / size;
  return Array.from({ length: size }, (_, i) => nest(flat.slice(i * step, (i + 1) * step), inner));
}

/** Why two nested arrays differ by more than `tolerance` (relative above 1), or undefined. */
export function difference(
  actual: Elements,
  expected: Elements,
  tolerance: number,
  at = "",
): string | undefined {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) {
      return `${at}: ${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`;
    }
    for (const [i, each] of expected.entries()) {
      const found = difference(actual[i]!, each, tolerance, `${at}[${i}]`);
      if (found) return found;
    }
    return undefined;
  }
  if (Object.is(actual, expected)) return undefined;
  const close =
    Math.abs(Number(actual) - Number(expected)) <= tolerance * Math.max(1, Math.abs(Number(expected)));
  return close && !Array.isArray(actual) ? undefined : `${at}: ${String(actual)} is not ${String(expected)}`;
}
