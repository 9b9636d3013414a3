import { defineNetwork, imageNetWeights } from "./definition.js";
import { bottleneckOptions, bottleneckResNet } from "./resnet-stages.js";

/** ResNeXt50 (Xie et al. 2017): ResNet50 whose 3×3 convolutions have 32 groups; the options are ResNet50's. */
export const resnext50_32x4d = defineNetwork({
  name: "resnext50_32x4d",
  summary:
    "ResNeXt50 (Xie et al. 2017): ResNet50 whose 3×3 convolutions have 32 groups of 4 channels and more",
  options: bottleneckOptions,
  weights: [
    imageNetWeights("resnext50_32x4d-7cdf4587.pth", 95.789, "fc"),
    imageNetWeights("resnext50_32x4d-1a0047aa.pth", 95.833, "fc", { name: "imagenet-v2", resize: 232 }),
  ],
  build: (options) =>
    bottleneckResNet("resnext50_32x4d", [3, 4, 6, 3], { groups: 32, groupWidth: 4 }, options),
});
