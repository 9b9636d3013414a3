import { checkRecord } from "../check-argument.js";
import { describeSpec, isInside, ModelDescription } from "./describe-spec.js";
import type { LayerDescription } from "./infer-shapes.js";
import type { Model } from "./model.js";
import type { ModelSpec } from "./spec.js";

/**
 * Shapes, parameters and MACs of every layer, without running anything. Of a spec nothing is built either; of a model the
 * tensors of its TorchScript modules are told too.
 * @param input [C, H, W] of one image. Default: the spec's own input
 * @throws McLossError ERR_SHAPE or ERR_ARGUMENT that names the layer where the shapes do not fit
 */
export function describe(network: ModelSpec | Model, input?: readonly number[]): ModelDescription {
  checkRecord("network", network, "a Model or its spec");
  if (!("spec" in network)) return describeSpec(network, input);
  const described = describeSpec(network.spec, input);
  return new ModelDescription(described.input, withModules(network, described.layers), described.features);
}

/** With the tensors that only the files of TorchScript modules know. */
function withModules(model: Model, layers: readonly LayerDescription[]): LayerDescription[] {
  if (!layers.some(({ type }) => type === "torchscript")) return [...layers];
  const modules = layers.filter(({ type }) => type === "torchscript").map(({ name }) => name);
  const described = new Set(layers.flatMap(({ tensors }) => tensors.map(({ name }) => name)));
  const owned = model
    .state()
    .filter(({ name }) => !described.has(name))
    .map(({ name, tensor, trainable }) => ({ name, shape: tensor.shape, trainable }));
  return layers.map((layer) => {
    if (layer.type !== "torchscript") return layer;
    return { ...layer, tensors: owned.filter(({ name }) => innermost(name, modules) === layer.name) };
  });
}

/** Of the modules that `name` may be in, the one with the longest name. */
function innermost(name: string, modules: readonly string[]): string | undefined {
  const around = modules.filter((module) => isInside(name, module));
  return around.sort((a, b) => b.length - a.length)[0];
}
