/** What is wrong with an image, found here rather than by libvips. */
export class ImageProblem extends Error {}
