import type { ChannelHealth, ChannelHealthReport } from "../loss/channel-health.js";
import { warnOfHabit } from "../loss/warn-of-habit.js";
import { className } from "../models/class-name.js";
import { formatTable } from "../table.js";
import type { Localisation } from "../visualize/localisation.js";
import { percent } from "./format.js";
import { printLine } from "./progress.js";

const WORST = 5;

type Figure = Exclude<keyof ChannelHealth, "dead" | "chance">;

/** How each figure is called and written. */
const FIGURES: readonly { figure: Figure; label: string; write: (value: number) => string }[] = [
  { figure: "diversity", label: "diversity (h/ξ)", write: twoDecimals },
  { figure: "iou", label: "overlap (IoU)", write: twoDecimals },
  { figure: "cosine", label: "cosine", write: twoDecimals },
  { figure: "alignment", label: "alignment", write: wholePercent },
  { figure: "habit", label: "habit", write: wholePercent },
  { figure: "ownHabit", label: "habit, own class", write: wholePercent },
];

/** The health of all channels, and of the classes whose channels have the least to do with their class. */
export function describeChannels(
  { overall, perClass }: ChannelHealthReport,
  names: readonly string[],
): string {
  const channels = perClass.reduce((sum, each) => sum + each.channels, 0);
  const worst = perClass
    .map((health, index) => ({ ...health, name: className(names, index) }))
    .filter(({ images }) => images > 0)
    .sort((a, b) => a.alignment - b.alignment)
    .slice(0, WORST);
  const row = (name: string, health: ChannelHealth, of: number) => [
    name,
    ...FIGURES.map(({ figure, write }) => withChance(health, figure, write)),
    `${health.dead} of ${of}`,
  ];
  const table = formatTable([
    ["channels", ...FIGURES.map(({ label }) => label), "dead"],
    row("all classes", overall, channels),
    ...worst.map((health) => row(health.name, health, health.channels)),
  ]);
  return `${table}\nIn brackets: by chance.`;
}

/** The same of all channels, in a line. */
export function describeHealth(health: ChannelHealth): string {
  const figures = FIGURES.map(({ figure, label, write }) => `${label} ${withChance(health, figure, write)}`);
  return `channels, in brackets by chance: ${[...figures, `dead ${health.dead}`].join(" · ")}`;
}

/** Warns on stderr, where channels keep to their places. */
export function reportHabit(health: ChannelHealth): void {
  const warning = warnOfHabit(health);
  if (warning !== undefined) printLine(`warning: ${warning}`);
}

function withChance(health: ChannelHealth, figure: Figure, write: (value: number) => string): string {
  return `${write(health[figure])} (${write(health.chance[figure])})`;
}

function twoDecimals(value: number): string {
  return value.toFixed(2);
}

function wholePercent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

export function describeLocalisation({ images, channels, cam }: Localisation): string {
  return formatTable([
    [`on ${images} images with a box`, "class's channels", cam.method],
    ["pointing game", percent(channels.pointing), percent(cam.pointing)],
    ["IoU with the box", percent(channels.iou), percent(cam.iou)],
  ]);
}
