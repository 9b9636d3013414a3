import { invalidArgument } from "../errors.js";
import { maximum } from "../extremes.js";
import { describeSpec } from "./describe-spec.js";
import { joinNames, layerName, type LayerSpec } from "./layers.js";
import type { ModelSpec } from "./spec.js";

/** How deep each parameter of a network is, by name, counted from the input. */
export interface LayerDepths {
  depths: ReadonlyMap<string, number>;
  /** That of the head. */
  last: number;
}

/**
 * Depths as BEiT and timm count them for layer-wise decay: what comes before the first block is 0, each block (of a ResNet, a
 * transformer, a dense layer) is one more, what stands between two blocks goes with the later one, what follows the last block
 * with that, and the head, an adapter among it, is the deepest. In a network without blocks, such as VGG, each convolution is a
 * layer.
 * @throws McLossError ERR_ARGUMENT for a network with TorchScript, whose inside is not known
 */
export function layerDepths(spec: ModelSpec): LayerDepths {
  const { layers } = describeSpec(spec);
  if (layers.some(({ type }) => type === "torchscript")) {
    throw invalidArgument(
      "layerDecay",
      `cannot be of ${spec.name}: of TorchScript it is not known which layer follows which`,
    );
  }
  const top = spec.layers.map((layer, position) => ({ layer, name: layerName(layer, position) }));
  const end = top.findIndex(({ name }) => isWithin(spec.features, name));
  const units = unitsOf(spec.layers.slice(0, end + 1), "");
  const ofBackbone = layers.filter(
    ({ name }) => !ADAPTER.test(name) && units.some((unit) => isWithin(name, unit.name)),
  );
  const byUnit = units.some(({ isBlock }) => isBlock)
    ? depthsOfBlocks(units)
    : depthsOfConvolutions(ofBackbone);
  const last = maximum([0, ...byUnit.values()]) + 1;
  const depthOf = (name: string) => {
    if (ADAPTER.test(name)) return last;
    const unit = [...byUnit.keys()].find((one) => isWithin(name, one));
    return unit === undefined ? last : (byUnit.get(unit) ?? last);
  };
  const tensors = layers.flatMap((layer) => layer.tensors);
  return { depths: new Map(tensors.map(({ name }) => [name, depthOf(name)])), last };
}

const ADAPTER = /(^|\.)adapter\./;

/** What is not divided further. */
interface Unit {
  name: string;
  /** Rather than a layer, or some in a row, around the blocks. */
  isBlock: boolean;
}

function unitsOf(layers: readonly LayerSpec[], path: string): Unit[] {
  return layers.flatMap((layer, position) => {
    const name = joinNames(path, layerName(layer, position));
    if (layer.type === "sequential" && !isBlock(layer) && layer.layers.some(hasBlock))
      return unitsOf(layer.layers, name);
    return [{ name, isBlock: isBlock(layer) || isNested(layer) }];
  });
}

/** A block with a skip connection. */
function isBlock(layer: LayerSpec): boolean {
  if (layer.type === "residual" || layer.type === "denseConnection") return true;
  return (
    layer.type === "sequential" &&
    layer.layers.some((inner) => inner.type === "residual" && inner.inline === true)
  );
}

function hasBlock(layer: LayerSpec): boolean {
  return isBlock(layer) || (layer.type === "sequential" && layer.layers.some(hasBlock));
}

/** Among blocks with skip connections, one without, where the shape changes: layers of layers. */
function isNested(layer: LayerSpec): boolean {
  if (layer.type === "concat") return true;
  return layer.type === "sequential" && layer.layers.some((inner) => "layers" in inner);
}

function depthsOfBlocks(units: readonly Unit[]): Map<string, number> {
  const first = units.findIndex(({ isBlock }) => isBlock);
  const blocks = units.filter(({ isBlock }) => isBlock).length;
  let done = 0;
  return new Map(
    units.map(({ name, isBlock }, index) => {
      if (isBlock) done += 1;
      const next = isBlock ? done : Math.min(done + 1, blocks);
      return [name, index < first ? 0 : next] as const;
    }),
  );
}

function depthsOfConvolutions(layers: readonly { name: string; type: string }[]): Map<string, number> {
  let depth = -1;
  const plain = layers.filter(
    ({ name }) => !layers.some((other) => other.name !== name && isWithin(other.name, name)),
  );
  return new Map(
    plain.map(({ name, type }) => {
      if (type === "conv2d" || type === "linear") depth += 1;
      return [name, Math.max(0, depth)] as const;
    }),
  );
}

/** Whether a layer or tensor is that of `name`, or inside it. */
function isWithin(inner: string, name: string): boolean {
  return inner === name || inner.startsWith(`${name}.`);
}
