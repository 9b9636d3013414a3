export const PASSES = ["forward", "forward+backward"] as const;
export type Pass = (typeof PASSES)[number];

export interface Figures {
  ms: number;
  /** For the fused form its time over the copy's, for the others their time over the fused form's. */
  ratio: number;
  /** The most memory beyond the features, in features; of forward+backward. */
  peak: number | undefined;
}

export interface Row {
  shape: number[];
  layout: "contiguous" | "channels_last";
  pass: Pass;
  /** ms */
  copy: number;
  forms: Record<string, Figures>;
}

const digits = (value: number) => value.toFixed(value < 10 ? 1 : 0);

export function formatRow({ shape, layout, pass, copy, forms }: Row, columns: string[]): string {
  const problem = pass === "forward" ? `[${shape.join(", ")}] ${layout}` : "";
  const cells = columns.map((name) => {
    const { ms, ratio, peak } = forms[name] ?? {};
    const texts = [ms?.toFixed(2), ratio && digits(ratio), peak && digits(peak)];
    return texts.map((text, i) => (text ?? "").toString().padStart(i === 0 ? 9 : 6)).join("");
  });
  return `${problem.padEnd(34)}${pass.padEnd(16)}${copy.toFixed(2).padStart(8)}${cells.join("  ")}`;
}

export function formatHead(columns: string[]): string {
  const names = columns.map((name) => name.padStart(9).padEnd(21));
  const units = columns.map((name) => `       ms${name === "fused" ? " /copy" : "/fused"}   mem`);
  return [`${" ".repeat(54)}copy${names.join("  ")}`, `${" ".repeat(56)}ms${units.join("  ")}`].join("\n");
}
