import type { RgbImage } from "../image/rgb-image.js";

type Rgb = readonly [red: number, green: number, blue: number];

/** Colours that people with any kind of colour vision tell apart (Okabe & Ito 2008), without black. */
const OKABE_ITO: readonly Rgb[] = [
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [240, 228, 66],
  [0, 114, 178],
  [213, 94, 0],
  [204, 121, 167],
];
/** Of the colours again, where there are more parts than colours. */
const DARKER = 0.55;
const STRONGEST_OPACITY = 0.9;

/** The colour of a class's channel, by its place in the class. */
export function partColor(place: number): Rgb {
  const [red, green, blue] = OKABE_ITO[place % OKABE_ITO.length] ?? [0, 0, 0];
  const shade = DARKER ** Math.floor(place / OKABE_ITO.length);
  return [Math.round(red * shade), Math.round(green * shade), Math.round(blue * shade)];
}

/**
 * Every place in the colour of the map that is the strongest there, the more opaque the stronger it is.
 * @param maps row by row, of `gray`'s size, not negative; of equal ones the first counts
 * @param strongest the activation that gets the full colour
 */
export function blendParts(
  maps: readonly ArrayLike<number>[],
  strongest: number,
  gray: Uint8Array,
): RgbImage["data"] {
  const data = new Uint8Array(gray.length * 3);
  gray.forEach((value, place) => {
    let [winner, level] = [0, 0];
    maps.forEach((map, index) => {
      if ((map[place] ?? 0) > level) [winner, level] = [index, map[place] ?? 0];
    });
    const share = strongest > 0 ? Math.min(1, level / strongest) : 0;
    const opacity = STRONGEST_OPACITY * share;
    partColor(winner).forEach((color, channel) => {
      data[place * 3 + channel] = Math.round(opacity * color + (1 - opacity) * value);
    });
  });
  return data;
}
