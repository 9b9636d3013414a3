import { warnOfHabit } from "../../loss/warn-of-habit.js";
import { percent, whole } from "../format.js";
import { html, type Html } from "../html.js";
import type { MeasuredHealth } from "../../compare/recorded-run.js";
import { table } from "./table.js";

const FIGURES = [
  { figure: "diversity", label: "Diversity (h/ξ)" },
  { figure: "iou", label: "Overlap (IoU)" },
  { figure: "cosine", label: "Cosine" },
  { figure: "alignment", label: "Alignment" },
  { figure: "habit", label: "Habit" },
  { figure: "ownHabit", label: "Habit, own class" },
] as const;

/** The channels' health where it was measured last, with what it is by chance; and a warning where it is bad. */
export function healthSection(
  runs: readonly { name: string; channels?: MeasuredHealth }[],
): Html | undefined {
  const measured = runs.flatMap(({ name, channels }) => (channels ? [{ name, channels }] : []));
  if (measured.length === 0) return undefined;
  const several = runs.length > 1;
  const heading = measured.flatMap(({ name }) =>
    several ? [name, `${name} by chance`] : ["Measured", "By chance"],
  );
  const rows = FIGURES.map(({ figure, label }) => [
    label,
    ...measured.flatMap(({ channels }) => [percent(channels[figure]), percent(channels.chance[figure])]),
  ]);
  const dead = ["Dead channels", ...measured.flatMap(({ channels }) => [whole(channels.dead), "–"])];
  const warnings = measured.flatMap(({ name, channels }) => {
    const warning = warnOfHabit(channels);
    if (warning === undefined) return [];
    return [html`<p class="notice">${several ? `${name}: ` : "The "}${warning}.</p>`];
  });
  return html`${warnings}${table("Channel health, measured last", ["Figure", ...heading], [...rows, dead])}`;
}
