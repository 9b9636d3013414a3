import { useStateFiles, type StateFiles } from "../io/state-file.js";
import type { AbortOptions } from "../native/abortable.js";
import { normalize } from "../image/transforms.js";
import { findWeights, type Wanted } from "./find-weights.js";
import { parseModelInfo, type ModelInfo } from "./info.js";
import { allWeightsFiles } from "./official-weights.js";

/** How the images were normalised that weights were trained on, and how that is known. */
export interface WeightsNormalization {
  normalization: NonNullable<ModelInfo["normalization"]>;
  /** For people: "as its checkpoint says". */
  reason: string;
}

const IMAGENET_CLASSES = 1000;

/**
 * What a file of weights says of its images: a checkpoint of this package has its normalisation, and a network of
 * torchvision's names whose classifier has 1000 classes was trained on ImageNet. Undefined for any other.
 * @throws McLossError ERR_CHECKPOINT
 */
export function weightsNormalization(
  path: string,
  { signal, ...wanted }: Wanted & AbortOptions = {},
): Promise<WeightsNormalization | undefined> {
  return useStateFiles(path, { signal }, (files) =>
    Promise.resolve(ofCheckpoint(files) ?? ofImageNet(files, wanted)),
  );
}

function ofCheckpoint({ metadata }: StateFiles): WeightsNormalization | undefined {
  const { info } = metadata;
  if (info === undefined || metadata["spec"] === undefined) return undefined;
  const { transforms = [], normalization } = readInfo(info);
  const step = transforms.find((each) => each.type === "normalize");
  const found = step ? normalize(step) : normalization;
  return found && { normalization: { mean: found.mean, std: found.std }, reason: "as its checkpoint says" };
}

/** What another program calls so says nothing. */
function readInfo(text: string): ModelInfo {
  try {
    return parseModelInfo(JSON.parse(text));
  } catch {
    return {};
  }
}

function ofImageNet(files: StateFiles, wanted: Wanted): WeightsNormalization | undefined {
  const weights = new Map(allWeightsFiles().map((each) => [`${each.classifier}.weight`, each]));
  for (const { state } of findWeights(files, [...weights.keys()], wanted)) {
    for (const [name, { normalization }] of weights) {
      if (state.tensors.get(name)?.shape[0] !== IMAGENET_CLASSES) continue;
      return { normalization, reason: "its classifier is of ImageNet's 1000 classes" };
    }
  }
  return undefined;
}
