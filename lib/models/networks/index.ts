/** All networks: what is exported here is a choice of `--model`, of recipes and of programs. */
export { resnet101, resnet18, resnet34, resnet50 } from "./resnet.js";
export { smallResNet } from "./small-resnet.js";
export { bilinearVgg16, vgg16 } from "./vgg.js";
