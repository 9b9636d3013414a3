import type { EncodedImage } from "../image/encoded-image.js";
import type { Size } from "../image/geometry.js";
import { planSample, type Trim } from "../image/plan.js";
import { randomAt } from "../image/random.js";
import { invalidArgument } from "../errors.js";
import { groupsOf } from "../models/groups-of.js";
import { holdModel, type Model } from "../models/model.js";
import { decodePlanned, inputPipeline, prepareInputs } from "../predict/model-input.js";
import { averagedProbabilities, rankClasses } from "../predict/rank-classes.js";
import type { ClassScore } from "../models/prediction.js";
import { noGrad } from "../tensor/grad-mode.js";
import { cat, full } from "../tensor/operators.js";
import { tidy } from "../tensor/scope.js";
import type { Tensor } from "../tensor/tensor.js";
import { classActivationMap, forwardForCam } from "./class-activation-map.js";
import { placeViews } from "./input-geometry.js";
import { projectOntoImages } from "./project.js";
import { shown } from "../shown.js";

/** One class's channels on one image. Maps are laid onto the upright image, row by row; negative activations are 0. */
export interface ClassActivations extends ClassScore {
  /** The class's first channel. */
  start: number;
  /** One map for each of the class's channels. */
  channels: Float32Array[];
  /** Of the classifier; see classActivationMap(). */
  cam: Float32Array;
}

/** What a model makes of one image. */
export interface ImageActivations extends Size {
  /** 1 where the model saw the image, row by row. */
  seen: Float32Array;
  /** All classes, the most probable first. */
  ranked: ClassScore[];
  /** Those that were asked for. */
  classes: ClassActivations[];
}

/** One image to look at. */
export interface LookRequest {
  image: EncodedImage;
  /** What is cut off the image first. */
  trim?: Trim;
  /** The maps' size; it stands for all of the upright image. */
  size: Size;
  /** Which classes to look at, by number, given all of them, the most probable first. */
  choose: (ranked: readonly ClassScore[]) => readonly number[];
}

/** Runs `model` on one image and lays what the channels of some classes do onto it. */
export async function lookAt(given: Model, request: LookRequest): Promise<ImageActivations> {
  using model = holdModel(given);
  const { image, trim, size, choose } = request;
  const groups = groupsOf(model);
  const pipeline = inputPipeline(model);
  const plan = await planSample(pipeline, randomAt(0), image, trim);
  const views = placeViews(pipeline, plan, await image.header());
  return await tidy(async () => {
    const decoded = await decodePlanned(pipeline, plan, image);
    const inputs = await prepareInputs(pipeline, [decoded], model.device);
    const output = await forwardForCam(model, inputs);
    const probabilities = noGrad(() => averagedProbabilities(output.logits, views.length));
    const ranked = rankClasses(model, (await probabilities.data()) as Float32Array);
    const classes: ClassActivations[] = [];
    let seen = new Float32Array();
    for (const index of choose(ranked)) {
      const score = ranked.find((one) => one.index === index);
      if (!score)
        throw invalidArgument("classIndex", `must be from 0 to ${ranked.length - 1}, got ${shown(index)}`);
      const { start, count } = groups.channelsOf(index);
      const target = full([views.length], index, { dtype: "int64", device: model.device });
      const cam = await classActivationMap(model, output, target);
      const maps = noGrad(() => cat([output.features.narrow(1, start, count).relu(), cam.unsqueeze(1)], 1));
      const projected = noGrad(() => projectOntoImages(maps.to("float32").to("cpu"), [views], size));
      const planes = await planesOf(projected.maps, count + 1);
      seen = (await projected.seen.data()) as Float32Array<ArrayBuffer>;
      classes.push({ ...score, start, channels: planes.slice(0, count), cam: planes[count] as Float32Array });
    }
    return { ...size, seen, ranked, classes };
  });
}

async function planesOf(maps: Tensor, count: number): Promise<Float32Array[]> {
  const data = (await maps.data()) as Float32Array;
  const pixels = data.length / count;
  return Array.from({ length: count }, (_, plane) => data.subarray(plane * pixels, (plane + 1) * pixels));
}
