import { networks } from "./networks.js";
import type { NetworkDefinition, WeightsFile } from "./networks/definition.js";
import type { ModelSpec } from "./spec.js";

/** What `weights` and `--weights` may say in place of a file: torchvision's IMAGENET1K_V1, or IMAGENET1K_V2. */
export const WEIGHTS_NAMES = ["imagenet", "imagenet-v2"] as const satisfies readonly WeightsName[];

/** Whose weights: torchvision's `IMAGENET1K_V1` (`"imagenet"`) or `IMAGENET1K_V2` (`"imagenet-v2"`). */
export type WeightsName = "imagenet" | "imagenet-v2";

/** Whether it is a name of weights, rather than a file. */
export function isWeightsName(weights: string): weights is WeightsName {
  return (WEIGHTS_NAMES as readonly string[]).includes(weights);
}

/** One of torchvision's files of ImageNet weights, and the images that it was trained on. */
export interface OfficialWeights extends WeightsFile {
  /** The first digits of its SHA-256, in hexadecimal. */
  sha256: string;
  /** torchvision's page about it. */
  documentation: string;
}

/** torchvision's ImageNet weights for a network's backbone; undefined where there are none of that name. */
export function officialWeights(
  spec: ModelSpec,
  name: WeightsName = "imagenet",
): OfficialWeights | undefined {
  const weights = definitionOf(spec)?.weights ?? [];
  const own = weights.find((each) => each.name === name && (each.fits?.(spec) ?? true));
  if (!own) return undefined;
  const [network = "", sha256 = ""] = own.file.replace(".pth", "").split("-");
  const page = network.replace(/_rwightman$/, "");
  const documentation = `https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.${page}.html`;
  return { ...own, sha256, documentation };
}

/** Of every network that has some. */
export function allWeightsFiles(): WeightsFile[] {
  const definitions: readonly NetworkDefinition[] = networks.definitions;
  return definitions.flatMap(({ weights = [] }) => weights);
}

/** A tensor's name as the network has it now, where an older file has another. */
export function currentName(spec: ModelSpec, name: string): string {
  const older = definitionOf(spec)?.olderNames ?? [];
  return older.reduce((text, [pattern, now]) => text.replace(pattern, now), name);
}

/** What made the spec, in whatever form. */
function definitionOf(spec: ModelSpec): NetworkDefinition | undefined {
  const name = spec.name.replace(/(-mc)?(-adapter)?$/, "");
  const definitions: readonly NetworkDefinition[] = networks.definitions;
  return definitions.find((definition) => definition.name === name);
}
