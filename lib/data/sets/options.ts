import { z } from "zod";
import { flag, optionsOf, type Shape } from "../../schema.js";
import type { ClassFolderOptions } from "../class-folders.js";
import type { OpenOptions } from "./layout.js";
import { SPLITS } from "./splits.js";

export const split = z.enum(SPLITS);

const openShape = { split: split.optional(), allowPartial: flag.optional() } satisfies Shape<OpenOptions>;

/** How fine the classes are: Boeing 737-700 is a variant, Boeing 737 a family, Boeing a manufacturer. */
export type AircraftLevel = "variant" | "family" | "manufacturer";

/** Options of {@link fgvcAircraft}. */
export interface AircraftOptions {
  /** Default "variant": 100 classes. "family" has 70, "manufacturer" 30. */
  level?: AircraftLevel;
  /**
   * Cuts off the 20 pixels at the bottom of every image that name its owner, as the publishers ask for. Default
   * false: whole images, as torchvision gives them.
   */
  removeBanner?: boolean;
}

const aircraftShape = {
  level: z.enum(["variant", "family", "manufacturer"]).optional(),
  removeBanner: flag.optional(),
} satisfies Shape<AircraftOptions>;

const classFolderShape = {
  classes: z.array(z.string()).readonly().optional(),
  allowEmpty: flag.optional(),
} satisfies Shape<ClassFolderOptions>;

/** What a data set of any kind is opened with. */
export const datasetShape = { ...openShape, ...aircraftShape, ...classFolderShape };

export const openOptions = optionsOf<OpenOptions>(openShape);
export const aircraftOptions = optionsOf<OpenOptions & AircraftOptions>({ ...openShape, ...aircraftShape });
export const classFolderOptions = optionsOf<ClassFolderOptions>(classFolderShape);
