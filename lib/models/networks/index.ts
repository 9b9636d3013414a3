/** All networks: what is exported here is a choice of `--model`, of recipes and of programs. */
export { convnext_base, convnext_small, convnext_tiny } from "./convnext.js";
export { densenet121, densenet161 } from "./densenet.js";
export {
  efficientnet_b0,
  efficientnet_b1,
  efficientnet_b2,
  efficientnet_b3,
  efficientnet_b4,
  efficientnet_v2_s,
} from "./efficientnet.js";
export { mobilenet_v2, mobilenet_v3_large, mobilenet_v3_small } from "./mobilenet.js";
export { regnet_y_3_2gf } from "./regnet.js";
export { resnet101, resnet152, resnet18, resnet34, resnet50 } from "./resnet.js";
export { resnext50_32x4d } from "./resnext.js";
export { smallResNet } from "./small-resnet.js";
export { swin_t } from "./swin.js";
export { bilinearVgg16, vgg16 } from "./vgg.js";
export { vit_b_16 } from "./vit.js";
export { wide_resnet50_2 } from "./wide-resnet.js";
