import { joinNames, layerName, layers, namesInside } from "../models/layers.js";
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
      (value, spec, position) => this.#layer(spec, joinNames(path, layerName(spec, position)), path, value),
      input,
    );
  }

  /** @param path the names of the layers around it */
  #layer(spec: AnyLayer, name: string, path: string, input: Value): Value {
    const definition: LayerDefinition = layers.get(spec.type);
    const output = this.#shapes.get(name) ?? [];
    const inside = namesInside(spec, name, path);
    const written = definition.toOnnx(fillOptions(definition, spec), {
      graph: this.#graph,
      name,
      input,
      output,
      sequence: (inner) => this.sequence(inner, inside, input),
      layer: (inner, own) => this.#layer(inner, joinNames(inside, inner.name ?? own), inside, input),
    });
    return { name: written, shape: output };
  }
}
