/**
 * What an unreadable image does: "error" stops; "skip" takes the next one; "repair" decodes what is there of a damaged
 * one, such as a JPEG that is cut off, and skips what cannot be decoded at all.
 */
export type BadImagePolicy = "error" | "skip" | "repair";

export const BAD_IMAGE_POLICIES: readonly BadImagePolicy[] = ["error", "skip", "repair"];

/** An image that could not be read, or not whole. */
export interface SkippedImage {
  /** The sample's number. */
  index: number;
  path: string;
  reason: string;
}
