import { BAD_IMAGE_POLICIES, type BadImagePolicy } from "../loader/bad-images.js";
import { z } from "zod";
import { encodedImageOf, ListDataset, trimOf, type Box, type Dataset, type Sample } from "../data/dataset.js";
import {
  chooseLimits,
  givenLimits,
  imageLimitShape,
  TRAINING_LIMITS,
  type ImageLimitOptions,
  type ImageLimits,
} from "../image/limits.js";
import { DataLoader } from "../loader/data-loader.js";
import type { Pipeline } from "../image/pipeline.js";
import { planSample } from "../image/plan.js";
import { evaluationTransforms } from "../image/presets.js";
import { randomAt } from "../image/random.js";
import { uprightBox } from "../data/boxes.js";
import { McLossError } from "../errors.js";
import { flattenViews } from "../models/evaluation.js";
import { groupsOf } from "../models/groups-of.js";
import { holdModel, type Model } from "../models/model.js";
import { inputPipeline } from "../predict/model-input.js";
import { abortShape, callback, count, optionsOf, parseOptions } from "../schema.js";
import { tensor } from "../tensor/creation.js";
import { noGrad } from "../tensor/grad-mode.js";
import { cat, stack } from "../tensor/operators.js";
import { tidy } from "../tensor/scope.js";
import type { Tensor } from "../tensor/tensor.js";
import { throwIfAborted } from "../abort.js";
import { camMethod, classActivationMap, forwardForCam, type CamMethod } from "./class-activation-map.js";
import { normalise, placeViews, type Rectangle, type ViewPlacement } from "./input-geometry.js";
import { checkSameClasses } from "../models/same-classes.js";
import { projectOntoImages, rectangleMasks } from "./project.js";

/** How well maps find the object; shares are from 0 to 1. */
export interface LocalisationScore {
  /** The share of images whose map is the strongest inside the box: the pointing game (Zhang et al. 2018), without its margin. */
  pointing: number;
  /** Mean intersection over union of the box and the places where the map has at least a fifth of its maximum. */
  iou: number;
}

/** What {@link evaluateLocalisation} gives. */
export interface Localisation {
  /** Images with a box. */
  images: number;
  /** Of the maximum of the class's channels. */
  channels: LocalisationScore;
  /** Of the classifier's class activation map. */
  cam: LocalisationScore & { method: CamMethod };
}

/** Options of {@link evaluateLocalisation}. */
export interface LocalisationOptions extends ImageLimitOptions {
  /** Default 16. */
  batchSize?: number;
  /** As a `DataLoader`'s. */
  onBadImage?: BadImagePolicy;
  signal?: AbortSignal;
  /** Called after each batch. */
  onBatch?: (done: number, total: number) => void;
}

const schema = optionsOf<LocalisationOptions>({
  ...abortShape,
  ...imageLimitShape,
  batchSize: count.optional(),
  onBadImage: z.enum(BAD_IMAGE_POLICIES).optional(),
  onBatch: callback.optional(),
});

/** Maps and boxes are compared on the whole upright image at this size; the shape of an image changes no share of areas. */
const SIZE = { height: 224, width: 224 };
// Zhou et al. 2016.
const COVERED = 0.2;

/**
 * Where the channels of each image's own class, and beside them the class activation map, find the object. The maps are
 * laid back onto the upright image; what the transforms cut off counts as not found.
 * @throws McLossError ERR_DATASET where no image has a box; ERR_ARGUMENT where the model has no channel groups
 */
export async function evaluateLocalisation(
  model: Model,
  images: Dataset,
  given: LocalisationOptions = {},
): Promise<Localisation> {
  const options = parseOptions(schema, given);
  const { batchSize = 16, onBadImage = "error", signal, onBatch } = options;
  using held = holdModel(model);
  groupsOf(held);
  checkSameClasses(held, images, "images");
  const boxed = withBoxes(images);
  const { device } = held;
  const transforms = evaluationTransforms(model);
  const loader = new DataLoader(boxed, {
    ...givenLimits(options),
    batchSize,
    onBadImage,
    transforms,
    device,
  });
  const limits = chooseLimits(options, TRAINING_LIMITS);
  const sums = new Float64Array(COLUMNS);
  let [done, count] = [0, 0];
  for await (const batch of loader.batches({ signal })) {
    using current = batch;
    throwIfAborted(signal, "the localisation check");
    const scores = await scoreBatch(held, current.images, current.samples, limits);
    scores.forEach((score, place) => (sums[place % COLUMNS] = (sums[place % COLUMNS] ?? 0) + score));
    count += current.size;
    done += 1;
    onBatch?.(done, loader.length);
  }
  const [channelsHit = 0, camHit = 0, channelsIou = 0, camIou = 0] = sums.map((sum) => sum / count);
  return {
    images: count,
    channels: { pointing: channelsHit, iou: channelsIou },
    cam: { pointing: camHit, iou: camIou, method: camMethod(model) },
  };
}

/** Pointing of the channels and the map, IoU of the channels and the map. */
const COLUMNS = 4;

type BoxedSample = Sample & { box: Box };

function withBoxes(images: Dataset): ListDataset<BoxedSample> {
  const samples = Array.from({ length: images.length }, (_, i) => images.sample(i)).filter(
    (sample): sample is BoxedSample => sample.box !== undefined,
  );
  if (samples.length > 0) return new ListDataset(images.classes, samples);
  const text =
    "the data set has no boxes to compare with: take CUB-200-2011 with its bounding_boxes.txt, Stanford Cars, " +
    "FGVC-Aircraft, or a manifest with boxes";
  throw new McLossError("ERR_DATASET", text, { argument: "images" });
}

/** [N, 4] row by row. */
async function scoreBatch(
  model: Model,
  images: Tensor,
  samples: readonly BoxedSample[],
  limits: ImageLimits,
): Promise<Float32Array> {
  const pipeline = inputPipeline(model, undefined, limits);
  const placed = await Promise.all(samples.map((sample) => placeSample(pipeline, sample)));
  return tidy(async () => {
    const flat = flattenViews(images);
    const views = flat.shape[0] ?? 0;
    const repeated = samples.flatMap(({ label }) => new Array<number>(views / samples.length).fill(label));
    const labels = tensor(Int32Array.from(repeated), { dtype: "int64" });
    const output = await forwardForCam(model, flat);
    const cam = await classActivationMap(model, output, labels.to(model.device));
    const scores = noGrad(() => {
      const own = ownChannels(model, output.features.to("cpu"), labels);
      const maps = stack([own, cam.to("cpu")], 1).to("float32");
      const { maps: laid } = projectOntoImages(
        maps,
        placed.map(({ views }) => views),
        SIZE,
      );
      const boxes = rectangleMasks(
        placed.map(({ box }) => box),
        SIZE,
      );
      return score(laid, boxes.unsqueeze(1));
    });
    return (await scores.data()) as Float32Array;
  });
}

async function placeSample(
  pipeline: Pipeline,
  sample: BoxedSample,
): Promise<{ views: ViewPlacement[]; box: Rectangle }> {
  const image = encodedImageOf(sample, pipeline.limits);
  const header = await image.header();
  const plan = await planSample(pipeline, randomAt(0), image, trimOf(sample));
  const { x, y, width, height } = uprightBox(sample.box, header);
  return {
    views: placeViews(pipeline, plan, header),
    box: normalise({ left: x, top: y, width, height }, header),
  };
}

/** The maximum of the channels of each image's own class: [M, h, w]. */
function ownChannels(model: Model, features: Tensor, labels: Tensor): Tensor {
  const owners = tensor(Int32Array.from(groupsOf(model).owners()), { dtype: "int64" });
  const own = labels.unsqueeze(1).eq(owners).to(features.dtype);
  return features.relu().mul(own.unsqueeze(2).unsqueeze(3)).amax(1);
}

/**
 * @param maps [N, 2, H, W], not negative
 * @param boxes [N, 1, H, W] of 0 and 1
 * @returns [N, 4]: whether each map's strongest place is in the box, then each map's IoU
 */
function score(maps: Tensor, boxes: Tensor): Tensor {
  const flat = maps.flatten(2);
  const box = boxes.flatten(2).expandAs(flat);
  const strongest = flat.max(2, { keepdim: true });
  const found = strongest.values.gt(0).to("float32");
  const hit = box.gather(2, strongest.indices).mul(found).squeeze(2);
  const covered = flat.ge(strongest.values.mul(COVERED)).to("float32").mul(found);
  const shared = covered.mul(box).sum(2);
  const union = covered.sum(2).add(box.sum(2)).sub(shared);
  return cat([hit, shared.div(union.clampMin(1))], 1);
}
