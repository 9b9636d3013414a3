import { defineNetwork, imageNetWeights } from "./definition.js";
import { basicOptions, basicResNet, bottleneckOptions, bottleneckResNet } from "./resnet-stages.js";

const RESNET = { groups: 1, groupWidth: 64 };

/** ResNet18 (He et al. 2016), in torchvision's form or in the form that the paper trains from scratch. */
export const resnet18 = defineNetwork({
  name: "resnet18",
  summary:
    "ResNet18 (He et al. 2016), in torchvision's form or in the form that the paper trains from scratch",
  options: basicOptions,
  byName: { channelsPerClass: 3 },
  weights: [imageNetWeights("resnet18-f37072fd.pth", 44.661, "fc")],
  build: (options) => basicResNet("resnet18", [2, 2, 2, 2], options),
});

/** ResNet34 (He et al. 2016); the options are ResNet18's. */
export const resnet34 = defineNetwork({
  name: "resnet34",
  summary: "ResNet34 (He et al. 2016), in the same forms",
  options: basicOptions,
  byName: { channelsPerClass: 3 },
  weights: [imageNetWeights("resnet34-b627a593.pth", 83.275, "fc")],
  build: (options) => basicResNet("resnet34", [3, 4, 6, 3], options),
});

/** ResNet50 (He et al. 2016) with torchvision's names; its 2048 channels are split among the classes. */
export const resnet50 = defineNetwork({
  name: "resnet50",
  summary: "ResNet50 (He et al. 2016); its 2048 channels are split among the classes",
  options: bottleneckOptions,
  weights: [
    imageNetWeights("resnet50-0676ba61.pth", 97.781, "fc"),
    imageNetWeights("resnet50-11ad3fa6.pth", 97.79, "fc", { name: "imagenet-v2", resize: 232 }),
  ],
  build: (options) => bottleneckResNet("resnet50", [3, 4, 6, 3], RESNET, options),
});

/** ResNet101 (He et al. 2016); the options are ResNet50's. */
export const resnet101 = defineNetwork({
  name: "resnet101",
  summary: "ResNet101 (He et al. 2016)",
  options: bottleneckOptions,
  weights: [
    imageNetWeights("resnet101-63fe2227.pth", 170.511, "fc"),
    imageNetWeights("resnet101-cd907fc2.pth", 170.53, "fc", { name: "imagenet-v2", resize: 232 }),
  ],
  build: (options) => bottleneckResNet("resnet101", [3, 4, 23, 3], RESNET, options),
});

/** ResNet152 (He et al. 2016); the options are ResNet50's. */
export const resnet152 = defineNetwork({
  name: "resnet152",
  summary: "ResNet152 (He et al. 2016)",
  options: bottleneckOptions,
  weights: [
    imageNetWeights("resnet152-394f9c45.pth", 230.434, "fc"),
    imageNetWeights("resnet152-f82ba261.pth", 230.474, "fc", { name: "imagenet-v2", resize: 232 }),
  ],
  build: (options) => bottleneckResNet("resnet152", [3, 8, 36, 3], RESNET, options),
});
