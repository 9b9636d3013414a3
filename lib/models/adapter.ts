import { z } from "zod";
import { invalidArgument } from "../errors.js";
import { ownChannels } from "../loss/channel-groups.js";
import { globalPool } from "./blocks.js";
import { describeSpec } from "./describe-spec.js";
import { layerName, type LayerSpec } from "./layers.js";
import type { ModelSpec } from "./spec.js";

const adapter = z.strictObject({
  channelsPerClass: ownChannels,
  head: z.enum(["adapter", "backbone"]).default("adapter"),
});

/** Options of every network. */
export const adapterOptions = {
  /**
   * A 1×1 convolution with batch normalisation and ReLU that gives each class `channelsPerClass` channels of any backbone's
   * features; MC-Loss, pictures and the groups' scores are of them. The classifier reads them too (`head: "adapter"`, the
   * default: their average, through one linear layer), or the backbone as before (`head: "backbone"`).
   */
  adapter: adapter.optional(),
};

/** Of the option `adapter` of every network: a 1×1 convolution with batch normalisation and ReLU after the backbone. */
export interface AdapterOptions {
  /** ξ */
  channelsPerClass: number;
  /** What the classifier reads: "adapter", the average of these channels, through one linear layer; "backbone", as before. Default "adapter". */
  head?: "adapter" | "backbone" | undefined;
}

/** An adapter's options. */
export type Adapter = z.output<typeof adapter>;

const NAME = "adapter";

/**
 * A network with an adapter after its features: channels of its own for each class, whatever channels the backbone has.
 * @throws McLossError ERR_ARGUMENT where the features are not on the way to the logits, or beside it
 */
export function withAdapter(spec: ModelSpec, { channelsPerClass, head }: Adapter): ModelSpec {
  const { classes } = spec;
  const channels = classes * channelsPerClass;
  const [inChannels = NaN] = describeSpec({ ...spec, groups: [] }).features;
  const { before, features, after, beside } = cut(spec);
  const layers = adapterLayers(inChannels, channels);
  const own: LayerSpec = { type: "sequential", name: NAME, layers };
  const adapted = {
    ...spec,
    name: `${spec.name}-${NAME}`,
    groups: [{ classes, channels: channelsPerClass }],
  };
  const last = `${NAME}.relu`;
  if (head === "adapter") {
    const classifier: LayerSpec = {
      type: "linear",
      name: "classifier",
      inFeatures: channels,
      outFeatures: classes,
    };
    const taken: LayerSpec = beside ? { ...beside, type: "sequential" } : features;
    return { ...adapted, layers: [...before, taken, own, ...globalPool("avg"), classifier], features: last };
  }
  if (beside) {
    const both: LayerSpec = { ...beside, layers: [...beside.layers, own] };
    return { ...adapted, layers: [...before, both, ...after], features: `${beside.name}.${last}` };
  }
  const aside: LayerSpec = { type: "aside", name: NAME, layers };
  return { ...adapted, layers: [...before, features, aside, ...after], features: last };
}

function adapterLayers(inChannels: number, outChannels: number): LayerSpec[] {
  return [
    { type: "conv2d", name: "conv", inChannels, outChannels, kernelSize: 1, bias: false },
    { type: "batchNorm2d", name: "norm", features: outChannels },
    { type: "relu", name: "relu" },
  ];
}

interface Cut {
  before: LayerSpec[];
  /** The layer whose output the features are, or that has them inside. */
  features: LayerSpec;
  after: LayerSpec[];
  /** The same layer, where the features are beside the way to the logits. */
  beside?: Extract<LayerSpec, { type: "aside" }>;
}

/** The layers around the features, with the names that they have now. */
function cut({ layers, features }: ModelSpec): Cut {
  const named = layers.map((layer, position): LayerSpec => ({ ...layer, name: layerName(layer, position) }));
  const at = named.findIndex((layer) => layer.name === features || lastInside(layer) === features);
  const found = named[at];
  if (!found) {
    const text = `needs features that are the output of a layer of the network itself, not of one inside another: ${features}`;
    throw invalidArgument(NAME, text);
  }
  const around = { before: named.slice(0, at), features: found, after: named.slice(at + 1) };
  return found.type === "aside" ? { ...around, beside: found } : around;
}

/** The name of the last layer of those that run aside. */
function lastInside(layer: LayerSpec): string | undefined {
  if (layer.type !== "aside") return undefined;
  const last = layer.layers.length - 1;
  const inner = layer.layers[last];
  return inner && `${layer.name}.${layerName(inner, last)}`;
}
