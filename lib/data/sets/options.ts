import { z } from "zod";
import { flag, optionsOf, type Shape } from "../../schema.js";
import type { ClassFolderOptions } from "../class-folders.js";
import type { AircraftOptions } from "./fgvc-aircraft.js";
import type { OpenOptions } from "./layout.js";
import { SPLITS } from "./splits.js";

export const split = z.enum(SPLITS);

const openShape = { split: split.optional(), allowPartial: flag.optional() } satisfies Shape<OpenOptions>;

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
