import { warnOfHabit } from "../../loss/warn-of-habit.js";
import { percent, whole } from "../format.js";
import { html, type Html } from "../html.js";
import type { MeasuredHealth } from "../../run/epoch-record.js";
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
  const warnings = measured.flatMap(({ name, channels }) => {
    const warning = warnOfHabit(channels);
    if (warning === undefined) return [];
    return [html`<p class="notice">${several ? `${name}: ` : "The "}${warning}.</p>`];
  });
  const [first] = measured;
  return html`${warnings}${several || !first ? tableOfRuns(measured) : tableOfOne(first.channels)}`;
}

const CAPTION = "Channel health, measured last";

function tableOfOne(channels: MeasuredHealth): Html {
  const rows = FIGURES.map(({ figure, label }) => {
    return [label, percent(channels[figure]), percent(channels.chance[figure])];
  });
  const dead = ["Dead channels", whole(channels.dead), "–"];
  return table(CAPTION, ["Figure", "Measured", "By chance"], [...rows, dead]);
}

function tableOfRuns(measured: readonly { name: string; channels: MeasuredHealth }[]): Html {
  const heading = ["Run", ...FIGURES.map(({ label }) => label), "Dead channels"];
  const rows = measured.map(({ name, channels }) => [
    name,
    ...FIGURES.map(({ figure }) => {
      const chance = html`<span class="note">chance ${percent(channels.chance[figure])}</span>`;
      return html`<span>${percent(channels[figure])} ${chance}</span>`;
    }),
    whole(channels.dead),
  ]);
  return table(CAPTION, heading, rows, "runs");
}
