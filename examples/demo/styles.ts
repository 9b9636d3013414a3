/** A designer's set of emoji, as an npm package in Iconify JSON. */
export interface Style {
  name: string;
  package: string;
  version: string;
  license: string;
  credit: string;
}

const set = (name: string, version: string, license: string, credit: string): Style => ({
  name,
  package: `@iconify-json/${name}`,
  version,
  license,
  credit,
});

/** The first is the one whose names are used for the classes. */
export const STYLES: readonly Style[] = [
  set("noto", "1.2.9", "Apache-2.0", "Noto Emoji, Google"),
  set("noto-v1", "1.2.5", "Apache-2.0", "Noto Emoji v1 (blobs), Google"),
  set("twemoji", "1.2.5", "CC-BY-4.0", "Twemoji, Twitter and contributors"),
  set("openmoji", "1.2.29", "CC-BY-SA-4.0", "OpenMoji"),
  set("emojione", "1.2.3", "CC-BY-4.0", "EmojiOne"),
  set("emojione-v1", "1.2.3", "CC-BY-SA-4.0", "EmojiOne v1"),
  set("fluent-emoji-flat", "1.2.6", "MIT", "Fluent Emoji, Microsoft"),
  set("fxemoji", "1.2.2", "Apache-2.0", "FxEmojis, Mozilla"),
];

/** Held-out styles: the test set is drawn by designers who are never seen in training. */
export const SPLITS = {
  A: ["twemoji", "fluent-emoji-flat"],
  B: ["noto", "emojione"],
} as const satisfies Record<string, readonly string[]>;

export type SplitName = keyof typeof SPLITS;
