import { extname } from "node:path";

/** Every format that images are read from, and what its files' names end in. */
const EXTENSIONS = {
  jpeg: [".jpg", ".jpeg", ".jpe", ".jfif"],
  png: [".png"],
  webp: [".webp"],
  gif: [".gif"],
  tiff: [".tif", ".tiff"],
  avif: [".avif"],
  bmp: [".bmp"],
  netpbm: [".ppm", ".pgm"],
} as const;

export type ImageFormat = keyof typeof EXTENSIONS;

/** What the names of images that are read end in, in lower case. */
export const IMAGE_EXTENSIONS: readonly string[] = Object.values(EXTENSIONS).flat();

/** What the names of images in other formats end in: they are told rather than passed over in silence. */
const OTHER_EXTENSIONS = new Set(
  (
    ".heic .heif .hif .jxl .jp2 .j2k .jpx .svg .svgz .ico .psd .tga .exr .hdr .qoi .pcx .dds .pbm .pnm .pam " +
    ".dng .cr2 .cr3 .nef .arw .orf .raf .rw2 .raw .eps .ai .xcf"
  ).split(" "),
);

/**
 * What a file is by its name: an image in a format that is read ("image"), in one that is not ("other image"), or
 * anything else (undefined).
 */
export function kindOfName(path: string): "image" | "other image" | undefined {
  const extension = extname(path).toLowerCase();
  if (IMAGE_EXTENSIONS.includes(extension)) return "image";
  return OTHER_EXTENSIONS.has(extension) ? "other image" : undefined;
}

/** What an encoded image begins with. "?" stands for any character. */
const BEGINNINGS: readonly (readonly [ImageFormat, string])[] = [
  ["jpeg", "\xff\xd8\xff"],
  ["png", "\x89PNG\r\n\x1a\n"],
  ["webp", "RIFF????WEBP"],
  ["gif", "GIF87a"],
  ["gif", "GIF89a"],
  ["tiff", "II*\0"],
  ["tiff", "MM\0*"],
  ["tiff", "II+\0"],
  ["tiff", "MM\0+"],
  ["bmp", "BM"],
  ["netpbm", "P2"],
  ["netpbm", "P3"],
  ["netpbm", "P5"],
  ["netpbm", "P6"],
];

/** What files that are often met in place of images begin with. */
const FOREIGN: readonly (readonly [string, string])[] = [
  ["JPEG XL", "\xff\x0a"],
  ["JPEG XL", "\0\0\0\x0cJXL "],
  ["JPEG 2000", "\0\0\0\x0cjP  "],
  ["Photoshop's", "8BPS"],
  ["PDF", "%PDF"],
  ["SVG", "<svg"],
  ["XML or HTML", "<"],
];

/** The format of an encoded image, by its first bytes alone; undefined for any that is not read. */
export function sniffFormat(bytes: Uint8Array): ImageFormat | undefined {
  if (brandsOf(bytes).some((brand) => brand === "avif" || brand === "avis")) return "avif";
  return BEGINNINGS.find(([, beginning]) => beginsWith(bytes, beginning))?.[0];
}

/** What a file is that is not read, where it is known. */
export function nameOfForeign(bytes: Uint8Array): string | undefined {
  if (brandsOf(bytes).some((brand) => /^(hei|hev|mif1|msf1)/.test(brand))) return "HEIC";
  return FOREIGN.find(([, beginning]) => beginsWith(bytes, beginning))?.[0];
}

/** What a file in ISO's format for media (AVIF, HEIC) says it is. */
function brandsOf(bytes: Uint8Array): string[] {
  if (!beginsWith(bytes, "????ftyp")) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = Buffer.from(bytes.subarray(0, Math.min(view.getUint32(0), MOST_BRAND_BYTES))).toString(
    "latin1",
  );
  return text.slice(8).match(/.{4}/gs) ?? [];
}

const MOST_BRAND_BYTES = 256;

function beginsWith(bytes: Uint8Array, beginning: string): boolean {
  if (bytes.length < beginning.length) return false;
  for (let at = 0; at < beginning.length; at += 1) {
    if (beginning[at] !== "?" && beginning.charCodeAt(at) !== bytes[at]) return false;
  }
  return true;
}
