import { joinNames, layerName, layers } from "../models/layers.js";
import { fillOptions, type AnyLayer, type LayerDefinition } from "../models/layers/definition.js";
import type { Value } from "../models/layers/onnx.js";
import type { OnnxGraph } from "./onnx-graph.js";

/** Writes a network's layers to a graph, for inference. */
export class OnnxLayers {
  readonly #graph: OnnxGraph;
  readonly #shapes: ReadonlyMap<string, readonly number[]>;

  /** @param shapes of the layers' outputs by their dotted names, without the batch */
  constructor(graph: OnnxGraph, shapes: ReadonlyMap<string, readonly number[]>) {
    this.#graph = graph;
    this.#shapes = shapes;
  }

  /** Layers that run one after another: what the last of them makes of `input`. */
  sequence(specs: readonly AnyLayer[], path: string, input: Value): Value {
    return specs.reduce(
      (value, spec, position) => this.#layer(spec, joinNames(path, layerName(spec, position)), value),
      input,
    );
  }

  #layer(spec: AnyLayer, name: string, input: Value): Value {
    const definition: LayerDefinition = layers.get(spec.type);
    const output = this.#shapes.get(name) ?? [];
    const written = definition.toOnnx(fillOptions(definition, spec), {
      graph: this.#graph,
      name,
      input,
      output,
      sequence: (inner) => this.sequence(inner, name, input),
      layer: (inner, own) => this.#layer(inner, joinNames(name, inner.name ?? own), input),
    });
    return { name: written, shape: output };
  }
}
