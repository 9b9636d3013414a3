import { availableParallelism } from "node:os";
import { chooseLimits, imageLimitShape, SERVING_LIMITS, type ImageLimitOptions } from "../image/limits.js";
import type { Pipeline } from "../image/pipeline.js";
import { transformList, type TransformSpec } from "../image/transforms.js";
import { defaultWorkers } from "../loader/workers.js";
import { invalidArgument, McLossError } from "../errors.js";
import { checkModel, predictorsAre, type Model } from "../models/model.js";
import type { ImageInput, Prediction, PredictOptions } from "../models/prediction.js";
import { abortShape, count, flag, optionsOf, parseOptions, type Shape } from "../schema.js";
import { inferenceMode } from "../tensor/grad-mode.js";
import { precisionSchema, type Precision } from "../tensor/precision.js";
import { tidy } from "../tensor/scope.js";
import { MicroBatcher } from "./micro-batcher.js";
import { decodeInput, inputPipeline, prepareInputs, type DecodedImage } from "./model-input.js";
import { averagedProbabilities, rankClasses } from "./rank-classes.js";

/** Options of new {@link Classifier}. */
export interface ClassifierOptions extends ImageLimitOptions {
  /** Images that go through the network at once, counting each view of five or ten. Default 32. */
  maxBatch?: number;
  /**
   * Decodes what is there of a damaged image, such as a JPEG that is cut off, rather than refusing it; its prediction says
   * so. Default false.
   */
  repair?: boolean;
  /** What the network computes in. Default "float32" */
  precision?: Precision;
  /** Default: the model's own. */
  transforms?: readonly TransformSpec[];
}

const classifierShape = {
  ...imageLimitShape,
  maxBatch: count.optional(),
  repair: flag.optional(),
  precision: precisionSchema.optional(),
  transforms: transformList.optional(),
} satisfies Shape<ClassifierOptions>;
const predictShape = { ...abortShape, top: count.optional() } satisfies Shape<PredictOptions>;

export const classifierOptions = optionsOf<ClassifierOptions>(classifierShape);
export const predictOptions = optionsOf<PredictOptions>(predictShape);
/** Both together. */
export const predictFilesShape = { ...classifierShape, ...predictShape };

/** On a CPU large batches are hardly faster than small ones; a batch of this time costs little beside its images. */
const BATCH_MILLISECONDS = 30;

/** An image, with the model held until it is answered. */
interface Request {
  model: Model;
  image: ImageInput;
}

interface Decoded {
  model: Model;
  decoded: DecodedImage;
}

interface Answer {
  probabilities: Float32Array;
  repaired: string | undefined;
}

/**
 * Says what is on images, for servers: requests made at the same time go through the network together, up to `maxBatch`,
 * and none waits for others to come. The model's `training` is left as it is and plays no part.
 */
export class Classifier {
  readonly #model: Model;
  readonly #pipeline: Pipeline;
  readonly #precision: Precision;
  readonly #batcher: MicroBatcher<Request, Decoded, Answer>;

  /** @throws McLossError ERR_CHECKPOINT when the model does not say how its inputs are made */
  constructor(model: Model, given: ClassifierOptions = {}) {
    checkModel(model);
    const options = parseOptions(classifierOptions, given);
    const { maxBatch = 32, transforms, precision = "float32", repair = false } = options;
    const damage = repair ? "repair" : "error";
    this.#model = model;
    this.#precision = precision;
    this.#pipeline = inputPipeline(model, transforms, chooseLimits(options, SERVING_LIMITS));
    this.#batcher = new MicroBatcher(
      {
        prepare: async ({ model, image }) => ({
          model,
          decoded: await decodeInput(this.#pipeline, image, damage),
        }),
        run: (requests) => this.#run(requests),
      },
      {
        maxBatch: Math.max(1, Math.floor(maxBatch / this.#pipeline.viewCount)),
        concurrency: defaultWorkers(),
        batchMilliseconds: BATCH_MILLISECONDS,
        multiple: availableParallelism(),
      },
    );
  }

  /**
   * The most probable classes of an image, averaged over the logits of its views where the transforms make several; of a
   * list of images, in its order.
   * @param input paths or encoded bytes, which must not change until the promise is settled
   * @throws McLossError ERR_IMAGE for an image that cannot be read, which disturbs no other request. `path` names it or,
   * in a list of bytes, `argument`: `input[3]`. ERR_NAN_OUTPUT where the network's answer is not finite
   */
  predict(input: ImageInput, options?: PredictOptions): Promise<Prediction>;
  predict(input: readonly ImageInput[], options?: PredictOptions): Promise<Prediction[]>;
  async predict(
    input: ImageInput | readonly ImageInput[],
    given: PredictOptions = {},
  ): Promise<Prediction | Prediction[]> {
    const options = parseOptions(predictOptions, given);
    if (!isList(input)) return this.#predictOne(input, "input", options);
    return Promise.all(input.map((image, index) => this.#predictOne(image, `input[${index}]`, options)));
  }

  async #predictOne(
    image: ImageInput,
    argument: string,
    { top = 5, signal }: PredictOptions,
  ): Promise<Prediction> {
    if (typeof image !== "string" && !(image instanceof Uint8Array)) {
      throw invalidArgument(argument, "must be the path of an image, or its bytes");
    }
    using model = this.#model.holdFrozen();
    try {
      const { probabilities, repaired } = await this.#batcher.submit(
        { model, image },
        "the prediction",
        signal,
      );
      const ranked = rankClasses(this.#model, probabilities).slice(0, top);
      return { top: ranked, ...(repaired === undefined ? {} : { repaired }) };
    } catch (error) {
      throw named(error, argument);
    }
  }

  #run(requests: readonly Decoded[]): Promise<Answer[]> {
    const model = requests[0]?.model ?? this.#model;
    const images = requests.map(({ decoded }) => decoded);
    return inferenceMode(() =>
      tidy(async () => {
        const inputs = await prepareInputs(this.#pipeline, images, model.device);
        const { logits } = await model.forward(inputs, { training: false, precision: this.#precision });
        const probabilities = averagedProbabilities(logits, this.#pipeline.viewCount);
        const all = (await probabilities.data()) as Float32Array;
        const classes = all.length / images.length;
        return images.map(({ repaired }, index) => ({
          probabilities: all.subarray(index * classes, (index + 1) * classes),
          repaired,
        }));
      }),
    );
  }
}

function isList(input: ImageInput | readonly ImageInput[]): input is readonly ImageInput[] {
  return Array.isArray(input);
}

/** An image without a path is named by its place among the arguments. */
function named(error: unknown, argument: string): unknown {
  if (!(error instanceof McLossError) || error.code !== "ERR_IMAGE" || error.path !== undefined) return error;
  return new McLossError("ERR_IMAGE", `${argument}: ${error.message}`, { argument, cause: error.cause });
}

predictorsAre((model) => new Classifier(model));
