export type { Dataset, Sample } from "./dataset.js";
export { ImageFolder, type ImageFolderOptions } from "./image-folder.js";
export { Batch, DataLoader, type DataLoaderOptions } from "./loader.js";
export {
  colorJitter,
  normalize,
  randomAffine,
  randomCrop,
  randomHorizontalFlip,
  resize,
  type Kernel,
  type Rgb,
  type TransformSpec,
} from "./transforms.js";
