export const BACKGROUNDS = ["image", "none"] as const;

/** What the maps of a sheet are drawn over: the image, or nothing of it where its terms do not allow showing it. */
export type Background = (typeof BACKGROUNDS)[number];
