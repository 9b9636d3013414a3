import type { ModelSpec } from "./spec.js";

/** One of torchvision's files of ImageNet weights. Its name ends in the first digits of its SHA-256. */
export interface OfficialWeights {
  file: string;
  /** MiB, as torchvision's `_file_size` has it. */
  size: number;
  /** The first digits of its SHA-256, in hexadecimal. */
  sha256: string;
  /** torchvision's page about it. */
  documentation: string;
}

/** By the name of the spec, torchvision's IMAGENET1K_V1 (models/resnet.py and models/vgg.py of torchvision 0.28). */
const OFFICIAL: Readonly<Record<string, readonly [network: string, sha256: string, size: number]>> = {
  resnet18: ["resnet18", "f37072fd", 44.661],
  resnet34: ["resnet34", "b627a593", 83.275],
  resnet50: ["resnet50", "0676ba61", 97.781],
  resnet101: ["resnet101", "63fe2227", 170.511],
  "bilinear-vgg16": ["vgg16", "397923af", 527.796],
  vgg16: ["vgg16", "397923af", 527.796],
  vgg16_bn: ["vgg16_bn", "6c64b313", 527.866],
};

/** torchvision's ImageNet weights for a network's backbone; undefined where there are none. */
export function officialWeights(spec: ModelSpec): OfficialWeights | undefined {
  const name = spec.name.replace(/-mc$/, "");
  const official = OFFICIAL[name === "vgg16" && hasBatchNorm(spec) ? "vgg16_bn" : name];
  if (!official) return undefined;
  const [network, sha256, size] = official;
  const documentation = `https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.${network}.html`;
  return { file: `${network}-${sha256}.pth`, size, sha256, documentation };
}

function hasBatchNorm({ layers }: ModelSpec): boolean {
  return layers.some(
    (layer) => layer.type === "sequential" && layer.layers.some(({ type }) => type === "batchNorm2d"),
  );
}
