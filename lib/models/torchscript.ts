import { z } from "zod";
import { count, optionsOf, parseOptions, text, type Shape } from "../schema.js";
import { basename, extname } from "node:path";
import { McLossError } from "../errors.js";
import type { ChannelBlock } from "../loss/channel-groups.js";
import { zeros } from "../tensor/creation.js";
import { noGrad } from "../tensor/grad-mode.js";
import { tidy } from "../tensor/scope.js";
import { splitGroups } from "./blocks.js";
import { modelInfoOptions, type ModelInfo } from "./info.js";
import { Model } from "./model.js";
import type { ModelSpec } from "./spec.js";

/** Options of {@link torchscript}. */
export interface TorchScriptOptions {
  /**
   * What MC-Loss is computed on: the submodule whose output [N, C, H, W] it is, such as "layer4" or "layer3.0.conv1", or a
   * method. A method that `forward` does not call is run besides it, which takes its time and, in training, moves the
   * statistics of its batch normalisations twice.
   */
  features: string;
  /** Side of the images that it is made for. Default 224. */
  inputSize?: number;
  /** Of the images. Default 3. */
  channels?: number;
  /** Default: the features' channels split among the classes. */
  groups?: readonly ChannelBlock[];
  info?: ModelInfo;
}

const schema = optionsOf<TorchScriptOptions>({
  features: text,
  inputSize: count.optional(),
  channels: count.optional(),
  groups: z
    .array(z.strictObject({ classes: count, channels: count } satisfies Shape<ChannelBlock>))
    .readonly()
    .optional(),
  info: modelInfoOptions.optional(),
});

/**
 * A module of torch.jit.script or torch.jit.trace as a model: from images [N, C, H, W] to logits [N, K]. It is run once, on
 * zeros, to learn its classes and channels. Its parameters and buffers have the names of Python's state dict and are
 * trained, frozen, moved and saved like any other's. For a head of your own, put a layer of type "torchscript" into a spec.
 *
 * train() and eval() set the module's mode. What a trace wrote down stays: batch normalisation and dropout behave as when
 * it was traced, and devices and dtypes in its code are those of then. Script modules that will be trained.
 *
 * TorchScript is code, not data: load only files whose author you trust.
 * @throws McLossError ERR_CHECKPOINT when the file is missing or not TorchScript; ERR_ARGUMENT when `features` names
 * nothing in it; ERR_SHAPE when it does not give logits and features of these shapes
 */
export async function torchscript(path: string, given: TorchScriptOptions): Promise<Model> {
  const options = parseOptions(schema, given);
  const { features, inputSize = 224, channels = 3, info = {} } = options;
  const draft: ModelSpec = {
    format: 1,
    name: basename(path, extname(path)),
    input: { channels, height: inputSize, width: inputSize },
    classes: 1,
    groups: [],
    layers: [{ type: "torchscript", name: "", path }],
    features,
  };
  using model = new Model(draft);
  const shapes = await probe(model);
  const groups = options.groups ?? splitGroups(shapes.channels, shapes.classes);
  return new Model({ ...model.spec, classes: shapes.classes, groups }, { info }, model.weights);
}

/** Classes and feature channels, from one image of zeros. */
function probe(model: Model): Promise<{ classes: number; channels: number }> {
  const { channels, height, width } = model.spec.input;
  return tidy(async () => {
    const images = zeros([1, channels, height, width]);
    const { features, logits } = await noGrad(() => model.eval().forward(images));
    const [, classes] = logits.shape;
    if (logits.shape.length !== 2 || classes === undefined) {
      throw wrongShape("logits [N, K]", "forward", logits.shape);
    }
    const [, featureChannels] = features.shape;
    if (features.shape.length !== 4 || featureChannels === undefined) {
      throw wrongShape("features [N, C, H, W]", model.spec.features, features.shape);
    }
    return { classes, channels: featureChannels };
  });
}

function wrongShape(wanted: string, from: string, got: readonly number[]): McLossError {
  const text = `the TorchScript module must give ${wanted}, and ${from} gives [${got.join(", ")}]`;
  return new McLossError("ERR_SHAPE", text, { argument: "path" });
}
