/** Shares as results have them, to so many decimals. */
export function rounded<Shares extends Readonly<Record<string, number>>>(
  shares: Shares,
  decimals = 4,
): Shares {
  const entries = Object.entries(shares).map(([name, share]) => [name, Number(share.toFixed(decimals))]);
  return Object.fromEntries(entries) as Shares;
}

/** Since a time of performance.now(). */
export function secondsSince(started: number): number {
  return Math.round((performance.now() - started) / 1000);
}
