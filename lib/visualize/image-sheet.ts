import { z } from "zod";
import { basename, dirname } from "node:path";
import { EncodedImage } from "../image/encoded-image.js";
import { chooseLimits, imageLimitShape, TRAINING_LIMITS, type ImageLimitOptions } from "../image/limits.js";
import { invalidArgument } from "../errors.js";
import { holdModel, Model } from "../models/model.js";
import type { ClassScore } from "../models/prediction.js";
import { count, index, instanceOf, optionsOf, parseOptions } from "../schema.js";
import { camMethod } from "./class-activation-map.js";
import { lookAt, type ImageActivations } from "./image-activations.js";
import { BACKGROUNDS, type Background } from "./background.js";
import { checkWidth } from "./sheet-size.js";
import { shown } from "../shown.js";

/** Options of {@link renderImageSheet}. */
export interface ImageSheetOptions extends ImageLimitOptions {
  /** The class whose channels are shown, by number. Default: the one that the model predicts. */
  classIndex?: number;
  /** How many of the other classes, the most probable first, are shown below it. Default 1. */
  rivals?: number;
  /** Another model of the same classes, whose channels of the same classes are shown beside. */
  compare?: Model;
  /** What the models are called. Default: the names of their networks. */
  labels?: readonly string[];
  /** Of the picture, in pixels; at least 480. Default 1200, and 1680 with `compare`. */
  width?: number;
  /** What the maps are drawn over: "none" shows nothing of the image itself. Default "image". */
  background?: Background;
}

const schema = optionsOf<ImageSheetOptions>({
  ...imageLimitShape,
  classIndex: index.optional(),
  rivals: index.optional(),
  compare: instanceOf(Model, "a Model").optional(),
  labels: z.array(z.string()).readonly().optional(),
  width: count.optional(),
  background: z.enum(BACKGROUNDS).optional(),
});

/** What {@link drawImageSheet} made. */
export interface ImageSheet {
  png: Buffer;
  /** Of the first model: all classes, the most probable first. */
  ranked: readonly ClassScore[];
  /** The classes shown, and their channels. */
  shown: (ClassScore & { start: number; count: number })[];
}

/**
 * A PNG of what the channels of a class look at in one image: a heat map for each of them over the upright image, their
 * maximum, the image coloured by which channel is the strongest, and a class activation map of the classifier
 * ({@link camMethod}); below it the same for the class's strongest rivals. What the model's evaluation transforms cut off
 * is dimmed. Text needs a font on the machine; the rest of the picture does not.
 * @throws McLossError ERR_IMAGE naming the file; ERR_ARGUMENT where a model has no channel groups, or the two models do
 * not have the same classes
 */
export async function renderImageSheet(
  model: Model,
  path: string,
  options: ImageSheetOptions = {},
): Promise<Buffer> {
  return (await drawImageSheet(model, path, options)).png;
}

/** As {@link renderImageSheet}, with the figures that are in the picture. */
export async function drawImageSheet(
  model: Model,
  path: string,
  given: ImageSheetOptions = {},
): Promise<ImageSheet> {
  const options = parseOptions(schema, given);
  const { rivals = 1, classIndex, background = "image" } = options;
  using held = holdModel(model);
  using compare = options.compare?.hold();
  const models = compare ? [held, compare] : [held];
  const width = options.width ?? (compare ? 1680 : 1200);
  checkOptions(models, rivals, width);
  const [{ layOut, SheetDrawing }, { readTile }] = await Promise.all([
    import("./image-sheet-drawing.js"),
    import("./tiles.js"),
  ]);
  const image = new EncodedImage(path, { limits: chooseLimits(options, TRAINING_LIMITS) });
  const layout = layOut(width, models, await image.header());
  const choose = (ranked: readonly ClassScore[]) => withRivals(ranked, rivals, classIndex);
  const looks = [await lookAt(held, { image, size: layout.tile, choose })];
  const [{ ranked, classes }] = looks as [ImageActivations];
  if (compare) {
    const same = () => classes.map(({ index }) => index);
    looks.push(await lookAt(compare, { image, size: layout.tile, choose: same }));
  }
  const tile = await readTile(image, layout.tile, background);
  const panels = models.map((one, i) => ({
    look: looks[i] as ImageActivations,
    label: options.labels?.[i] ?? one.spec.name,
    method: camMethod(one),
  }));
  const png = await new SheetDrawing(layout, tile, titleOf(path), background).draw(panels);
  const shown = classes.map(({ name, index, probability, start, channels }) => {
    return { name, index, probability, start, count: channels.length };
  });
  return { png, ranked, shown };
}

/** With its folder, which is often its class. */
function titleOf(path: string): string {
  const folder = basename(dirname(path));
  return folder === "" || folder === "." ? basename(path) : `${folder}/${basename(path)}`;
}

function withRivals(ranked: readonly ClassScore[], rivals: number, classIndex?: number): number[] {
  const first = classIndex ?? ranked[0]?.index ?? 0;
  const others = ranked.map(({ index }) => index).filter((index) => index !== first);
  return [first, ...others.slice(0, rivals)];
}

function checkOptions(models: readonly Model[], rivals: number, width: number): void {
  if (!Number.isSafeInteger(rivals) || rivals < 0) {
    throw invalidArgument("rivals", `must be an integer of at least 0, got ${shown(rivals)}`);
  }
  checkWidth(width);
  const [classes = 0, others = classes] = models.map(({ spec }) => spec.classes);
  if (classes !== others) {
    throw invalidArgument("compare", `must have the model's ${classes} classes, got ${others}`);
  }
  const [names, otherNames = names] = models.map(({ info }) => info.classNames);
  const differs = names?.findIndex((name, index) => otherNames && otherNames[index] !== name) ?? -1;
  if (differs >= 0) {
    const text = `must have the model's classes in their order: class ${differs} is ${names?.[differs]} and ${otherNames?.[differs]}`;
    throw invalidArgument("compare", text);
  }
}
