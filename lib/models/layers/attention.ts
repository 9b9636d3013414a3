import { invalidArgument } from "../../errors.js";
import { count } from "../../schema.js";
import { defineLayer, type TensorDescription } from "./definition.js";
import type { OnnxNodes } from "./onnx.js";
import { image } from "./shapes.js";

export const attention = defineLayer({
  name: "attention",
  summary:
    "torch.nn.MultiheadAttention of every place of an image with every other, without dropout (Vaswani et al. 2017)",
  options: {
    /** Channels of the input. */
    features: count,
    /** Parts of the channels that are attended to by themselves; they divide the channels. */
    heads: count,
  },
  infer({ features, heads }, { name, input }) {
    const [, height, width] = image(name, input, features);
    checkHeads(name, features, heads);
    return {
      output: [features, height, width],
      tensors: [
        trainable("in_proj_weight", 3 * features, features),
        trainable("in_proj_bias", 3 * features),
        trainable("out_proj.weight", features, features),
        trainable("out_proj.bias", features),
      ],
      macs: attentionMacs(features, height * width, height * width),
    };
  },
  toOnnx({ features, heads }, { graph, name, input }) {
    const tokens = placesAsTokens(graph, name, input.name, features);
    const projections = { qkv: "in_proj_", out: "out_proj." };
    const attended = attend(graph, name, tokens, { features, heads, ...projections });
    const [, height = 1, width = 1] = input.shape;
    const channels = graph.node("Transpose", `${name}.channels`, [attended], { perm: [0, 2, 1] });
    return graph.node("Reshape", name, [
      channels,
      graph.integers(`${name}.shape`, [0, features, height, width]),
    ]);
  },
});

/** @throws McLossError ERR_ARGUMENT */
export function checkHeads(name: string, features: number, heads: number): void {
  if (features % heads === 0) return;
  throw invalidArgument(`${name}.heads`, `(${heads}) must divide ${features} features`);
}

/** A parameter of this shape. */
export function trainable(name: string, ...shape: number[]): TensorDescription {
  return { name, shape, trainable: true };
}

/** Of the projections to queries, keys and values and back, and of the two products between. */
export function attentionMacs(features: number, places: number, attended: number): number {
  return places * (4 * features ** 2 + 2 * attended * features);
}

/** [N, C, H, W] as [N, H·W, C]. */
function placesAsTokens(graph: OnnxNodes, name: string, image: string, features: number): string {
  const shape = graph.integers(`${name}.places`, [0, features, -1]);
  const rows = graph.node("Reshape", `${name}.rows`, [image, shape]);
  return graph.node("Transpose", `${name}.tokens`, [rows], { perm: [0, 2, 1] });
}

interface Attended {
  features: number;
  heads: number;
  /** Begins the names of the weight and the bias that give queries, keys and values: "in_proj_". */
  qkv: string;
  /** Of the projection of what was attended to: "out_proj.". */
  out: string;
  /** Added to the products of queries and keys. @returns the sum, under a name */
  biased?: (products: string) => string;
}

/** Self-attention of tokens [N, L, C], between its two projections. */
export function attend(
  graph: OnnxNodes,
  name: string,
  tokens: string,
  { features, heads, qkv, out, biased = (products) => products }: Attended,
): string {
  const part = (label: string) => `${name}.${label}`;
  const project = (label: string, from: string, prefix: string) => {
    const weight = graph.weight(part(`${prefix}weight`));
    const columns = graph.node("Transpose", part(`${label}_weight`), [weight], { perm: [1, 0] });
    const product = graph.node("MatMul", part(`${label}_product`), [from, columns]);
    return graph.node("Add", part(label), [product, graph.weight(part(`${prefix}bias`))]);
  };
  const projected = project("projected", tokens, qkv);
  const split = graph.integers(part("heads"), [0, -1, heads, features / heads]);
  const head = (label: string, index: number, perm: number[]) => {
    const bounds = [index * features, (index + 1) * features].map((bound) =>
      graph.integers(part("bound"), [bound]),
    );
    const slice = graph.node("Slice", part(`${label}_all`), [
      projected,
      ...bounds,
      graph.integers(part("axis"), [2]),
    ]);
    const shaped = graph.node("Reshape", part(`${label}_heads`), [slice, split]);
    return graph.node("Transpose", part(label), [shaped], { perm });
  };
  const query = head("query", 0, [0, 2, 1, 3]);
  const key = head("key", 1, [0, 2, 3, 1]);
  const value = head("value", 2, [0, 2, 1, 3]);
  const scale = graph.scalar(part("scale"), (features / heads) ** -0.5);
  const scaled = graph.node("Mul", part("scaled"), [query, scale]);
  const products = biased(graph.node("MatMul", part("products"), [scaled, key]));
  const shares = graph.node("Softmax", part("shares"), [products], { axis: -1 });
  const mixed = graph.node("MatMul", part("mixed"), [shares, value]);
  const tokensOfHeads = graph.node("Transpose", part("mixed_heads"), [mixed], { perm: [0, 2, 1, 3] });
  const joined = graph.node("Reshape", part("joined"), [
    tokensOfHeads,
    graph.integers(part("channels"), [0, -1, features]),
  ]);
  return project("attended", joined, out);
}
