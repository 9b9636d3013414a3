import { networks } from "./networks.js";
import type { NetworkDefinition, WeightsFile } from "./networks/definition.js";
import type { ModelSpec } from "./spec.js";

/** One of torchvision's files of ImageNet weights. */
export interface OfficialWeights {
  file: string;
  /** MiB */
  size: number;
  /** The first digits of its SHA-256, in hexadecimal. */
  sha256: string;
  /** torchvision's page about it. */
  documentation: string;
}

/** torchvision's ImageNet weights for a network's backbone; undefined where there are none. */
export function officialWeights(spec: ModelSpec): OfficialWeights | undefined {
  const name = spec.name.replace(/-mc$/, "");
  const definitions: readonly NetworkDefinition[] = networks.definitions;
  const weights = definitions.find((definition) => definition.name === name)?.weights ?? [];
  const own = weights.find(({ fits }) => fits?.(spec) ?? true);
  if (!own) return undefined;
  const { file, size } = own;
  const [network = "", sha256 = ""] = file.replace(".pth", "").split("-");
  const documentation = `https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.${network}.html`;
  return { file, size, sha256, documentation };
}

/** Of every network that has some. */
export function allWeightsFiles(): WeightsFile[] {
  const definitions: readonly NetworkDefinition[] = networks.definitions;
  return definitions.flatMap(({ weights = [] }) => weights);
}
