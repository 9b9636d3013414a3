import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { McLossError } from "#lib/errors.js";
import { STYLES, type Style } from "./styles.js";

/** One drawing of an Iconify set; what is absent is the set's own. */
interface Icon {
  body: string;
  left?: number;
  top?: number;
  width?: number;
  height?: number;
}

/** icons.json of an @iconify-json package. */
export interface IconSet {
  icons: Record<string, Icon>;
  aliases?: Record<string, { parent: string }>;
  width?: number;
  height?: number;
}

const require = createRequire(import.meta.url);

/** @throws McLossError ERR_DATASET with the command that installs what is missing */
export function checkInstalled(
  styles: readonly Style[] = STYLES,
  resolve: (id: string) => string = require.resolve,
): void {
  const missing = styles.filter((style) => !canResolve(`${style.package}/icons.json`, resolve));
  if (missing.length === 0) return;
  const packages = missing.map((style) => `${style.package}@${style.version}`).join(" ");
  const text = `the demo's drawings are not installed. Run: npm install --no-save ${packages}`;
  throw new McLossError("ERR_DATASET", text);
}

export async function readIconSet(style: Style): Promise<IconSet> {
  return (await readJson(`${style.package}/icons.json`)) as IconSet;
}

/** The names in one category of a set, by the set's own metadata. */
export async function readCategory(style: Style, category: string): Promise<readonly string[]> {
  const { categories } = (await readJson(`${style.package}/metadata.json`)) as {
    categories: Record<string, string[]>;
  };
  return categories[category] ?? [];
}

/** A drawing by its name or one of its aliases. */
export function findIcon(set: IconSet, name: string): string | undefined {
  const parent = set.aliases?.[name]?.parent;
  if (parent !== undefined) return findIcon(set, parent);
  return Object.hasOwn(set.icons, name) ? name : undefined;
}

/** A drawing as an SVG file with `size` pixels in height and width. */
export function iconSvg(set: IconSet, name: string, size: number): string {
  const icon = set.icons[name];
  if (!icon) throw new McLossError("ERR_DATASET", `the icon set has no icon ${name}`);
  const { left = 0, top = 0, width = set.width ?? 16, height = set.height ?? 16 } = icon;
  const viewBox = `${left} ${top} ${width} ${height}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}" viewBox="${viewBox}">${icon.body}</svg>`;
}

async function readJson(id: string): Promise<unknown> {
  return JSON.parse(await readFile(require.resolve(id), "utf8"));
}

function canResolve(id: string, resolve: (id: string) => string): boolean {
  try {
    resolve(id);
    return true;
  } catch {
    return false;
  }
}
