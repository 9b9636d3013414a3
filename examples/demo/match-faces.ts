import { FXEMOJI_NAMES } from "./fxemoji-names.js";
import { findIcon, readCategory, readIconSet, type IconSet } from "./icon-sets.js";
import { STYLES, type Style } from "./styles.js";

/** A class of faces and what it is called in each style that has it. */
export interface Face {
  name: string;
  /** Icon names by style name. */
  icons: Map<string, string>;
}

// A face is kept where enough designers drew it.
const LEAST_STYLES = 6;
// The one face whose names have nothing in common.
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  "face-with-crossed-out-eyes": ["dizzy-face", "knocked-out-face"],
};

/** The icon sets by style name. */
export async function readIconSets(): Promise<Map<string, IconSet>> {
  const sets = await Promise.all(STYLES.map(readIconSet));
  return new Map(STYLES.map((style, index) => [style.name, sets[index] as IconSet]));
}

/** The faces that at least six styles have, in Noto's order: 85 classes of 647 drawings. */
export async function matchFaces(sets: ReadonlyMap<string, IconSet>): Promise<Face[]> {
  const [noto] = STYLES as readonly [Style];
  const aliases = sets.get(noto.name)?.aliases ?? {};
  const names = (await readCategory(noto, "Smileys & Emotion")).filter(isFace);
  return names
    .map((name) => matchFace(name, sets, aliases))
    .filter((face) => face.icons.size >= LEAST_STYLES);
}

function isFace(name: string): boolean {
  return /face|cat/.test(name) || name === "rolling-on-the-floor-laughing";
}

function matchFace(
  name: string,
  sets: ReadonlyMap<string, IconSet>,
  aliases: NonNullable<IconSet["aliases"]>,
): Face {
  const others = Object.keys(aliases).filter((alias) => aliases[alias]?.parent === name);
  const candidates = [name, ...others, ...(OTHER_NAMES[name] ?? [])];
  const icons = new Map<string, string>();
  for (const [style, set] of sets) {
    const known = style === "fxemoji" ? [FXEMOJI_NAMES[name] ?? ""] : candidates;
    const icon = known.map((candidate) => findIcon(set, candidate)).find((found) => found !== undefined);
    if (icon !== undefined) icons.set(style, icon);
  }
  return { name, icons };
}
