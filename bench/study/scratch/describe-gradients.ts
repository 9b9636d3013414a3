import { GRADIENTS, type Gradients, type Norms } from "./gradients.js";
import { row } from "../page-text.js";

/** How hard each term pulls, in Markdown; nothing where nothing was measured. */
export function describeGradients(all: readonly Gradients[] = GRADIENTS.read()): string[] {
  if (all.length === 0) return [];
  return [
    TEXT,
    "",
    row(HEAD),
    row(HEAD.map((_, index) => (index === 0 ? "-" : "-:"))),
    ...all.map(rowOf),
    "",
  ];
}

const TEXT = `**Where gradients go.** L2 norms of the gradients of cross-entropy, α·L_dis and β·L_div with α 1.5 and β 20, of MC-Loss's network: with
respect to the weights up to the features, and to the features themselves; means over 4 batches of 32 training images, written from
\`bench/results/scratch-gradients.jsonl\` by \`npm run study -- gradients\`. In the features' every image counts by itself; in the weights' what images ask for in common adds
up.`;

const HEAD = [
  ...["model", "pixels", "last map"],
  ...["weights: CE", "α·L_dis", "β·L_div"],
  ...["features: CE", "α·L_dis", "β·L_div"],
];

function rowOf({ set, classes, model, imageSize, places, weights, features }: Gradients): string {
  const side = Math.sqrt(places);
  const what = `${set}, ${classes} classes, ${model}`;
  return row([what, String(imageSize), `${side}×${side}`, ...cellsOf(weights), ...cellsOf(features)]);
}

function cellsOf({ crossEntropy, discriminality, diversity }: Norms): string[] {
  return [crossEntropy, discriminality, diversity].map(String);
}
