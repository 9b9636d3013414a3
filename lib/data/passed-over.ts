import { extname } from "node:path";
import { byCodePoint } from "./code-points.js";
import { kindOfName } from "../image/formats.js";

/** Counts files that are left out of a set of images, by what their names end in. */
export class PassedOver {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    const extension = extname(name).toLowerCase();
    this.#counts.set(extension, (this.#counts.get(extension) ?? 0) + 1);
  }

  /** The most frequent first; "" is a name without an extension. */
  counts(): Record<string, number> {
    const counts = [...this.#counts];
    return Object.fromEntries(counts.sort(([a, n], [b, m]) => m - n || byCodePoint(a, b)));
  }

  /** In words, for people: images in formats that are not read first. */
  notes(): string[] {
    const counts = Object.entries(this.counts());
    const images = counts.filter(([extension]) => kindOfName(`x${extension}`) === "other image");
    const others = counts.filter(([extension]) => kindOfName(`x${extension}`) !== "other image");
    return [
      ...note(images, "images in formats that are not read: convert them to JPEG or PNG"),
      ...note(others, "no images"),
    ];
  }
}

function note(counts: readonly [string, number][], what: string): string[] {
  if (counts.length === 0) return [];
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  const each = counts.map(([extension, count]) => `${count} ${extension || "without extension"}`);
  return [`${total} ${total === 1 ? "file is" : "files are"} passed over (${each.join(", ")}): ${what}`];
}
