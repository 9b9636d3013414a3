/** A probability below which nothing more is added: above the rounding of the logarithms. */
const NEGLIGIBLE = 1e-7;

/**
 * The mean count of the most frequent one of `places` when each of `draws` falls on any of them alike: 1.5 for two draws
 * on two places. Divided by `draws` it is the share that a mode has by chance, which is far above 1/places where draws are
 * few.
 */
export function expectedModeCount(draws: number, places: number): number {
  if (draws === 0) return 0;
  if (places === 1) return draws;
  const below = modeDistribution(draws, places);
  let expected = 0;
  for (let count = 0; count < draws; count += 1) {
    const above = 1 - below.next().value;
    if (above < NEGLIGIBLE && count * places >= draws) break;
    expected += above;
  }
  return expected;
}

/**
 * P(no place has more than m draws), for m = 0, 1, …. The places' counts are independent Poisson variables of which the sum
 * is known, so it is P(sum = draws and no count above m) / P(sum = draws); the first is read off the characteristic
 * function of a count, to the power of `places`, by a discrete Fourier transform.
 */
function* modeDistribution(draws: number, places: number): Generator<number, never, void> {
  const mean = draws / places;
  // Further from its mean the sum has no probability left that aliasing could bring back.
  const points = 2 * Math.ceil(6 * Math.sqrt(draws) + 16);
  const angles = Array.from({ length: points / 2 + 1 }, (_, i) => (2 * Math.PI * i) / points);
  const real = new Float64Array(angles.length);
  const imaginary = new Float64Array(angles.length);
  const sumIsDraws = Math.exp(logPoisson(draws, draws));
  for (let most = 0; ; most += 1) {
    const weight = Math.exp(logPoisson(most, mean));
    let total = 0;
    for (const [i, angle] of angles.entries()) {
      const re = (real[i] = (real[i] ?? 0) + weight * Math.cos(most * angle));
      const im = (imaginary[i] = (imaginary[i] ?? 0) + weight * Math.sin(most * angle));
      const size = Math.pow(Math.hypot(re, im), places);
      // The other half of the circle is its mirror image.
      const times = i === 0 || i === points / 2 ? 1 : 2;
      total += times * size * Math.cos(places * Math.atan2(im, re) - draws * angle);
    }
    yield total / points / sumIsDraws;
  }
}

/** log P(count) of a Poisson variable. */
function logPoisson(count: number, mean: number): number {
  return count * Math.log(mean) - mean - logFactorial(count);
}

const FACTORIALS = [0, 0];

function logFactorial(count: number): number {
  for (let next = FACTORIALS.length; next <= count; next += 1) {
    FACTORIALS.push((FACTORIALS[next - 1] ?? 0) + Math.log(next));
  }
  return FACTORIALS[count] ?? 0;
}
