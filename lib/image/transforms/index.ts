// The table of transforms: each is a file, whose constructor carries its definition.
export * from "./resize.js";
export * from "./random-resized-crop.js";
export * from "./center-crop.js";
export * from "./random-crop.js";
export * from "./five-crop.js";
export * from "./ten-crop.js";
export * from "./random-horizontal-flip.js";
export * from "./random-affine.js";
export * from "./color-jitter.js";
export * from "./random-grayscale.js";
export * from "./random-erasing.js";
export * from "./normalize.js";
