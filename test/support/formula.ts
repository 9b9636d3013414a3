import { tensor, type Model, type Tensor } from "mutual-channel-loss";

const MODULUS = 65521;

/** As numbers() in test/fixtures/torchvision/make.py, bit for bit: `count` numbers in [-0.5, 0.5). */
export function numbers(count: number, key: number): Float64Array {
  const values = new Float64Array(count);
  let value = (key * 7919) % MODULUS;
  // From i·i·37 + i·1009 to the same for i + 1.
  let step = 37 + 1009;
  for (let i = 0; i < count; i += 1) {
    values[i] = value / MODULUS - 0.5;
    value = (value + step) % MODULUS;
    step = (step + 74) % MODULUS;
  }
  return values;
}

/** The state dict that fill() of the same script makes, in float64. */
export function formulaState(model: Model): Record<string, Tensor> {
  const entries = model.state().map(({ name, tensor: { shape } }, key) => {
    const count = shape.reduce((product, size) => product * size, 1);
    if (name.endsWith("num_batches_tracked")) return [name, tensor(BigInt64Array.of(0n), { shape })];
    const values = numbers(count, key).map(spread(name, shape, count));
    return [name, tensor(values, { shape })];
  });
  return Object.fromEntries(entries) as Record<string, Tensor>;
}

function spread(name: string, shape: readonly number[], count: number): (value: number) => number {
  if (name.endsWith("running_var")) return (value) => 1 + value;
  if (shape.length === 1 && name.endsWith("weight")) return (value) => 0.5 + value * 0.2;
  if (shape.length === 1) return (value) => value * 0.2;
  const scale = Math.sqrt(12 / (count / shape[0]!));
  return (value) => value * scale;
}

/** As cotangent() in the same script: what outputs are multiplied with before they are summed to a loss. */
export function cotangent(shape: readonly number[]): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length: count }, (_, i) => ((i * 37 + 11) % 101) / 101 - 0.5);
  return tensor(values, { shape });
}
