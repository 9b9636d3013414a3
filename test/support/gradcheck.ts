import { noGrad, tensor, type Tensor } from "mutual-channel-loss";
import { grad } from "mutual-channel-loss/tensor";
import { maximum } from "#lib/extremes.js";

const STEP = 1e-5;

/**
 * The largest difference, relative above 1, between the derivatives that autograd gives for the sum of `fn` of a
 * float64 leaf and those of central differences.
 */
export async function gradientError(
  fn: (x: Tensor) => Tensor,
  at: readonly number[],
  shape: readonly number[] = [at.length],
): Promise<number> {
  const leaf = (values: readonly number[]) =>
    tensor(Float64Array.from(values), { shape, requiresGrad: true });
  const x = leaf(at);
  const [gradient] = await grad(fn(x).sum(), [x]);
  const analytic = Array.from(await gradient!.data(), Number);
  const numeric = at.map((_, i) => {
    const value = (step: number) =>
      noGrad(() =>
        fn(leaf(at.map((each, j) => (i === j ? each + step : each))))
          .sum()
          .item(),
      );
    return (value(STEP) - value(-STEP)) / (2 * STEP);
  });
  return maximum(numeric.map((each, i) => Math.abs(each - analytic[i]!) / Math.max(1, Math.abs(each))));
}
