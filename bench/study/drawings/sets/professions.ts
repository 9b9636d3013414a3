import sharp from "sharp";
import { type Sample } from "mutual-channel-loss";
import { ListDataset } from "mutual-channel-loss/data";
import { drawingAugmentation } from "../../../../examples/demo/augmentation.js";
import { findIcon, iconSvg, readIconSet } from "../../../../examples/demo/icon-sets.js";
import { STYLES, type Style } from "../../../../examples/demo/styles.js";
import { once } from "./once.js";
import type { StudySet } from "./study-set.js";

/** The same body and face in each; tools, hats and clothes tell them apart. */
const PROFESSIONS = [
  ...["farmer", "cook", "student", "singer", "artist", "teacher", "factory-worker", "technologist"],
  ...[
    "office-worker",
    "mechanic",
    "scientist",
    "astronaut",
    "firefighter",
    "health-worker",
    "judge",
    "pilot",
  ],
];
const WHO = ["", "man-", "woman-"];
const TONES = [
  "",
  ...["light", "medium-light", "medium", "medium-dark", "dark"].map((tone) => `-${tone}-skin-tone`),
];
const DESIGNERS = ["noto", "twemoji", "openmoji", "fluent-emoji-flat"];
const DRAWN_SIZE = 96;

/**
 * Emoji of 16 professions, each drawn 18 times by 4 designers. "test" trains on three designers and tests on
 * fluent-emoji-flat; "tune" trains on noto and openmoji and holds out twemoji.
 */
export async function professions(): Promise<StudySet> {
  const styles = STYLES.filter(({ name }) => DESIGNERS.includes(name));
  const drawings = new Map(
    await Promise.all(styles.map(async (style) => [style.name, await drawingsBy(style)] as const)),
  );
  const drawnBy = (...designers: string[]) =>
    new ListDataset(
      PROFESSIONS,
      designers.flatMap((name) => drawings.get(name) ?? []),
    );
  return {
    classes: PROFESSIONS,
    channelsPerClass: 10,
    inputSize: 64,
    augmentation: drawingAugmentation,
    divide(division) {
      if (division === "tune")
        return { train: drawnBy("noto", "openmoji"), held: { test: drawnBy("twemoji") } };
      if (division !== "test") throw new Error(`the professions have no division ${division}`);
      return { train: drawnBy("noto", "openmoji", "twemoji"), held: { test: drawnBy("fluent-emoji-flat") } };
    },
  };
}

async function drawingsBy(style: Style): Promise<Sample[]> {
  const set = await readIconSet(style);
  return PROFESSIONS.flatMap((profession, label) =>
    WHO.flatMap((who) => TONES.map((tone) => `${who}${profession}${tone}`)).map((name) => {
      // Fluent Emoji leaves out the last two words.
      const icon = findIcon(set, name) ?? findIcon(set, name.replace("-skin-tone", ""));
      if (icon === undefined) throw new Error(`${style.package} has no ${name}`);
      const source = once(() => draw(iconSvg(set, icon, DRAWN_SIZE)));
      return { path: `${style.name}/${name}`, label, source };
    }),
  );
}

function draw(svg: string): Promise<Buffer> {
  return sharp(Buffer.from(svg)).flatten({ background: "#fff" }).png().toBuffer();
}
