import { defineNetwork, imageNetWeights } from "./definition.js";
import { bottleneckOptions, bottleneckResNet } from "./resnet-stages.js";

/** Wide ResNet50 (Zagoruyko & Komodakis 2016): its 3×3 convolutions are twice as wide; the options are ResNet50's. */
export const wide_resnet50_2 = defineNetwork({
  name: "wide_resnet50_2",
  summary: "Wide ResNet50 (Zagoruyko & Komodakis 2016): ResNet50 whose 3×3 convolutions are twice as wide",
  options: bottleneckOptions,
  weights: [
    imageNetWeights("wide_resnet50_2-95faca4d.pth", 131.82, "fc"),
    imageNetWeights("wide_resnet50_2-9ba9bcbe.pth", 263.124, "fc", { name: "imagenet-v2", resize: 232 }),
  ],
  build: (options) =>
    bottleneckResNet("wide_resnet50_2", [3, 4, 6, 3], { groups: 1, groupWidth: 128 }, options),
});
