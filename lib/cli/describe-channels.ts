import type { ChannelHealth, ChannelHealthReport } from "../loss/channel-health.js";
import { className } from "../models/class-name.js";
import { formatTable } from "../table.js";
import type { Localisation } from "../visualize/localisation.js";
import { decimals, percent } from "./format.js";

const WORST = 5;

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
  const row = (name: string, health: ChannelHealth, dead: string) => [
    name,
    decimals(health.diversity),
    decimals(health.iou),
    decimals(health.cosine),
    percent(health.alignment),
    dead,
  ];
  return formatTable([
    ["channels", "diversity (h/ξ)", "overlap (IoU)", "cosine", "alignment", "dead"],
    row("all classes", overall, `${overall.dead} of ${channels}`),
    ...worst.map((health) => row(health.name, health, `${health.dead} of ${health.channels}`)),
  ]);
}

export function describeLocalisation({ images, channels, cam }: Localisation): string {
  return formatTable([
    [`on ${images} images with a box`, "class's channels", cam.method],
    ["pointing game", percent(channels.pointing), percent(cam.pointing)],
    ["IoU with the box", percent(channels.iou), percent(cam.iou)],
  ]);
}
