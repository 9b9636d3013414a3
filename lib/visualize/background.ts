/** What the maps of a sheet are drawn over: the image, or nothing of it where its terms do not allow showing it. */
export const BACKGROUNDS = ["image", "none"] as const;

/** One of {@link BACKGROUNDS}. */
export type Background = (typeof BACKGROUNDS)[number];
