import { z } from "zod";
import type { ChannelBlock } from "../loss/channel-groups.js";
import type { LayerSpec } from "./layers.js";

/** A network as plain data; JSON.stringify and parseModelSpec() carry it in checkpoints. */
export interface ModelSpec {
  format: 1;
  /** For people: "resnet18". */
  name: string;
  /** The images that the network is made for. */
  input: { channels: number; height: number; width: number };
  /** K; the layers end in logits [N, K]. */
  classes: number;
  /** Runs of classes and the channels each owns; they add up to the features' channels. Empty: no MC-Loss. */
  groups: readonly ChannelBlock[];
  /** Run one after another. */
  layers: readonly LayerSpec[];
  /** The dotted name of the layer whose output [N, C, H, W] is the features, such as "layer4" or "features.29". */
  features: string;
  /** Default "pytorch". */
  init?: Initialization;
}

/**
 * How the weights start: "pytorch", the layers' own defaults; "released", convolutions from normal(0, √(2 / (k·k·out))), as
 * the authors' ResNet18; "torchvision", the same (which is kaiming_normal_ with fan_out) and biases of convolutions from
 * 0, as torchvision's ResNet and VGG.
 */
export type Initialization = "pytorch" | "released" | "torchvision";

/** {@link Initialization} */
export const initialization = z.enum(["pytorch", "released", "torchvision"]);
