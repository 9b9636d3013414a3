export { renderImageSheet, type ImageSheetOptions } from "../visualize/image-sheet.js";
export type { Background } from "../visualize/background.js";
export { renderClassSheet, type ClassSheetOptions } from "../visualize/class-sheet.js";
export {
  findExcitingImages,
  type Excitation,
  type ExcitingImagesOptions,
} from "../visualize/exciting-images.js";
export { camMethod, type CamMethod } from "../visualize/class-activation-map.js";
export {
  evaluateLocalisation,
  type Localisation,
  type LocalisationOptions,
  type LocalisationScore,
} from "../visualize/localisation.js";
