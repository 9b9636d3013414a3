export {
  datasetFrom,
  ListDataset,
  type Box,
  type Dataset,
  type Sample,
  type ShardPlace,
} from "../data/dataset.js";
export { ImageFolder, type ImageFolderOptions } from "../data/image-folder.js";
export { listImages } from "../data/list-images.js";
export { Batch } from "../loader/batch.js";
export type { CacheCost, CacheKind } from "../loader/cache-kind.js";
export type { DiskCacheOptions } from "../loader/disk-cache.js";
export { decodeMemory } from "../image/decode-memory.js";
export type { ImageSource } from "../image/encoded-image.js";
export type { ImageLimitOptions } from "../image/limits.js";
export { DataLoader, type BatchesOptions, type DataLoaderOptions } from "../loader/data-loader.js";
export type { BadImagePolicy, SkippedImage } from "../loader/bad-images.js";
export type { LoaderDescription } from "../loader/loader-description.js";
export type { LoaderState } from "../loader/loader-state.js";
export {
  evaluationTransforms,
  paperPretrained,
  paperScratch,
  tenCropTransforms,
  type AugmentationLevel,
  type TakesImages,
  type TransformPreset,
} from "../image/presets.js";
export { cub200 } from "../data/sets/cub200.js";
export { fgvcAircraft } from "../data/sets/fgvc-aircraft.js";
export type { AircraftLevel, AircraftOptions } from "../data/sets/options.js";
export { flowers102 } from "../data/sets/flowers102.js";
export type { DatasetKind, ListedSample, OpenOptions, Split, SplitPart } from "../data/sets/layout.js";
export { manifest, type ManifestOptions } from "../data/sets/manifest.js";
export { nabirds } from "../data/sets/nabirds.js";
export { food101 } from "../data/sets/food101.js";
export { inaturalist } from "../data/sets/inaturalist.js";
export { oxfordPet } from "../data/sets/oxford-pet.js";
export { stanfordCars } from "../data/sets/stanford-cars.js";
export { stanfordDogs } from "../data/sets/stanford-dogs.js";
export type { Region } from "../image/geometry.js";
export { openDataset, type OpenDatasetOptions } from "../data/open-dataset.js";
export { openEvaluationSet, type EvaluationSetOptions } from "../data/training-sets.js";
export {
  prepareDataset,
  type PreparedArchive,
  type PreparedDataset,
  type PrepareOptions,
} from "../data/prepare-dataset.js";
export type { ArchiveLimits } from "../data/archive/entry-policy.js";
export { verifyDataset, type DatasetReport } from "../data/verify/verify-dataset.js";
export type { VerifyOptions } from "../data/verify/options.js";
export type { BadImage } from "../data/verify/check-images.js";
export * from "../image/transforms/index.js";
export type { SamplerSpec } from "../loader/sampler.js";
export { samplers } from "../loader/samplers.js";
export type { ClassBalancedSpec } from "../loader/samplers/class-balanced.js";
export type { DistributedSpec } from "../loader/samplers/distributed.js";
export type { ShardSpec } from "../loader/samplers/shard.js";
export type { SequentialSpec } from "../loader/samplers/sequential.js";
export type { ShuffleSpec } from "../loader/samplers/shuffle.js";
export type { ShuffleBufferSpec } from "../loader/samplers/shuffle-buffer.js";
export type { WeightedSpec } from "../loader/samplers/weighted.js";
export {
  parseTransforms,
  type ImageSize,
  type Interpolation,
  type Rgb,
  type TransformSpec,
} from "../image/transforms.js";
