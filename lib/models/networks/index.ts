/** All networks: what is exported here is a choice of `--model`, of recipes and of programs. */
export { resnet101, resnet152, resnet18, resnet34, resnet50 } from "./resnet.js";
export { resnext50_32x4d } from "./resnext.js";
export { smallResNet } from "./small-resnet.js";
export { bilinearVgg16, vgg16 } from "./vgg.js";
export { wide_resnet50_2 } from "./wide-resnet.js";
