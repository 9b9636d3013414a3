import { cutInto, eighthsFor, sizeAt, type DecodePlan } from "./decode.js";
import type { EncodedImage } from "./encoded-image.js";
import { wholeOf, type Size } from "./geometry.js";
import type { DamagePolicy, ImageHeader } from "./inspect-image.js";
import type { Pipeline } from "./pipeline.js";

/** In which form an image is kept from epoch to epoch where each wants other pixels of it. */
export interface KeptForm {
  /** One image's forms have other numbers, 0 to 8. */
  number: number;
  /** What its pixels depend on beside the image. */
  identity: object;
  /** Of what is kept: RGB, row by row. */
  size: Size;
  /** Makes it; gives what was wrong with an image that was repaired. */
  make(image: EncodedImage, target: Uint8Array, damage: DamagePolicy): Promise<string | undefined>;
  /** What decoding the image by the plan would write into `target`, bit for bit. */
  cut(kept: Uint8Array, plan: DecodePlan, target: Uint8Array): Promise<void>;
}

/** @param plan one epoch's */
export function keptFormOf(pipeline: Pipeline, plan: DecodePlan, header: ImageHeader): KeptForm {
  const random = pipeline.scaling?.definition.random ?? false;
  const { region = header, resized } = plan;
  const smaller = resized && resized.height * resized.width <= region.height * region.width;
  return smaller && !random ? resizedForm(plan, resized) : decodedForm(plan, header);
}

/** All of the image as the plan resizes it. */
function resizedForm({ region, interpolation }: DecodePlan, resized: Size): KeptForm {
  const whole = wholeOf(resized);
  return {
    number: 0,
    identity: { region, interpolation, resized },
    size: resized,
    make: (image, target, damage) =>
      image.decode(
        {
          fixed: true,
          image: undefined,
          region,
          resized,
          interpolation,
          windows: [whole],
          visible: whole,
          fill: [0, 0, 0],
        },
        target,
        damage,
      ),
    cut: (kept, plan, target) =>
      cutInto(
        { data: kept, ...resized },
        resized,
        { ...plan, region: undefined, resized: undefined },
        target,
      ),
  };
}

/** All of the image as it is decoded. */
function decodedForm(planned: DecodePlan, header: ImageHeader): KeptForm {
  const eighths = eighthsFor(planned, header);
  const size = sizeAt(header, eighths);
  return {
    number: eighths,
    identity: { eighths },
    size,
    make: (image, target, damage) => image.decodeWhole(eighths, target, damage),
    cut: (kept, plan, target) => cutInto({ data: kept, ...size }, header, plan, target),
  };
}
