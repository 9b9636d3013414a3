/** Numbers for people. */

const PERCENT = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function percent(share: number | undefined): string {
  return share === undefined ? "–" : PERCENT.format(share);
}

export function whole(value: number | undefined): string {
  return value === undefined ? "–" : WHOLE.format(value);
}

/** As "1 h 12 min", "3 min 20 s" or "12 s". */
export function duration(seconds: number | undefined): string {
  if (seconds === undefined) return "–";
  const total = Math.round(seconds);
  const [hours, minutes] = [Math.floor(total / 3600), Math.floor((total % 3600) / 60)];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${total % 60} s` : `${total} s`;
}
