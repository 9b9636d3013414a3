/** Over seeds. */
export interface Spread {
  mean: number;
  /** Of a sample, with n − 1; absent for one value. */
  std?: number;
}

export function spread(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length < 2) return { mean };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: Math.sqrt(squares / (values.length - 1)) };
}

/** Places by size, 1 for the largest; equal values share the mean of theirs, and NaN comes last. */
export function ranksOf(values: readonly number[]): number[] {
  const sizes = values.map((value) => (Number.isNaN(value) ? -Infinity : value));
  return sizes.map((value) => {
    const larger = sizes.filter((other) => other > value).length;
    const equal = sizes.filter((other) => other === value).length;
    return larger + (equal + 1) / 2;
  });
}

const ROUNDING = 1e-12;

/** The two-sided p value of the paired t-test, for the differences of pairs; undefined where it is not defined. */
export function pairedTTest(differences: readonly number[]): number | undefined {
  const { mean, std = 0 } = spread(differences);
  // Equal differences spread by no more than their mean is rounded.
  if (!(std > ROUNDING * Math.abs(mean))) return undefined;
  return studentTail((mean / std) * Math.sqrt(differences.length), differences.length - 1);
}

/** The probability that Student's t, of a whole number of degrees of freedom, is as far from 0 as `t` at least. */
export function studentTail(t: number, degrees: number): number {
  return incompleteBeta(degrees / (degrees + t * t), degrees / 2, 1 / 2, halfBeta(degrees));
}

/** B(degrees/2, 1/2), by B(a + 1, b) = B(a, b) · a / (a + b). */
function halfBeta(degrees: number): number {
  let beta = degrees % 2 === 1 ? Math.PI : 2;
  for (let a = degrees % 2 === 1 ? 1 / 2 : 1; a < degrees / 2; a += 1) beta *= a / (a + 1 / 2);
  return beta;
}

/** The regularised incomplete beta function I_x(a, b), given B(a, b). */
function incompleteBeta(x: number, a: number, b: number, beta: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The fraction converges fast on one side of the mean.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a, beta);
  return (x ** a * (1 - x) ** b) / (a * beta * betaFraction(x, a, b));
}

const MOST_TERMS = 1000;

/** The continued fraction by which it is divided (https://dlmf.nist.gov/8.17.E22), by Lentz's method. */
function betaFraction(x: number, a: number, b: number): number {
  let [value, upper, lower] = [1, 1, 0];
  for (let term = 1; term <= MOST_TERMS; term += 1) {
    const m = Math.floor(term / 2);
    const factor = term % 2 === 0 ? m * (b - m) : -(a + m) * (a + b + m);
    const coefficient = (factor * x) / ((a + term - 1) * (a + term));
    lower = 1 / (1 + coefficient * lower);
    upper = 1 + coefficient / upper;
    const change = upper * lower;
    value *= change;
    if (Math.abs(change - 1) < Number.EPSILON) break;
  }
  return value;
}
