import { invalidArgument } from "../../errors.js";
import type { Model } from "../../models/model.js";
import type { TensorHandle } from "../../native/binding.js";
import { keep } from "../../tensor/scope.js";
import { tensor } from "../../tensor/creation.js";
import type { Tensor } from "../../tensor/tensor.js";

/** What is known of the images that a loss is trained on. */
export interface CountedImages {
  /** Images of each class; undefined where they cannot be counted. */
  classCounts(): readonly number[] | undefined;
}

/** What a loss is made for: a model and, in a run, its training images. */
export class LossContext {
  readonly model: Model;
  /** What the loss made for itself, which whoever has the context disposes of. */
  readonly owned: Tensor[] = [];
  readonly #images: CountedImages | undefined;
  #counts: readonly number[] | undefined;

  /** @param images none where no run has begun: classes are taken for equally frequent then */
  constructor(model: Model, images?: CountedImages) {
    this.model = model;
    this.#images = images;
  }

  /** What the loss was told of the training images' classes; undefined where it did not ask, and before a run. */
  get counts(): readonly number[] | undefined {
    return this.#counts;
  }

  /**
   * Training images of each of the model's classes, at least 1.
   * @param given what the loss's options say they are
   * @param option for messages
   * @throws McLossError ERR_ARGUMENT
   */
  classCounts(given: readonly number[] | undefined, option: string): number[] {
    const { classes } = this.model.spec;
    if (given) return atLeastOne(this.perClass(given, option));
    if (!this.#images) return new Array<number>(classes).fill(1);
    const counted = this.#images.classCounts();
    if (!counted) {
      throw invalidArgument(
        option,
        "needs the images of each class, which these data do not tell: give them",
      );
    }
    this.#counts = Array.from({ length: classes }, (_, label) => counted[label] ?? 0);
    return atLeastOne(this.#counts);
  }

  /** @throws McLossError ERR_ARGUMENT where they are not one for each class */
  perClass(values: readonly number[], option: string): readonly number[] {
    const { classes } = this.model.spec;
    if (values.length === classes) return values;
    throw invalidArgument(
      option,
      `must have one number per class, which are ${classes}, got ${values.length}`,
    );
  }

  /** Numbers of the classes, of the model's type and where it is, for native/train. */
  own(values: readonly number[]): TensorHandle {
    const [parameter] = this.model.parameters();
    const made = keep(
      tensor(Float64Array.from(values), {
        dtype: parameter?.dtype === "float64" ? "float64" : "float32",
        device: parameter?.device ?? "cpu",
      }),
    );
    this.owned.push(made);
    return made.handle;
  }
}

/** A class without training images counts as one, for which logarithms and quotients have a value. */
function atLeastOne(counts: readonly number[]): number[] {
  return counts.map((count) => Math.max(1, count));
}
