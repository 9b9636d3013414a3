/** How well classes are told apart, beyond the share of right answers. Shares are from 0 to 1. */
export interface ClassificationScores {
  /** Images whose true class is among the five best. */
  top5Accuracy: number;
  /** Mean over the classes that occur of F1 = 2·TP / (2·TP + FP + FN) (scikit-learn's f1_score, average "macro"). */
  macroF1: number;
  /** Mean over the classes that have images of the share recognised (scikit-learn's balanced_accuracy_score). */
  balancedAccuracy: number;
  /** By class number. */
  perClass: ClassScores[];
  /** [true class][predicted class], in images; those without an answer are in no cell. */
  confusion: number[][];
  /**
   * Images whose logits are not all finite, which is no answer: they count as wrong. Absent where there are none. The weights
   * are damaged then, or overflow in the precision.
   */
  nonFinite?: number;
}

/** How well one class is told from the others; shares are from 0 to 1. */
export interface ClassScores {
  /** Images of this class. */
  images: number;
  /** Share of them that were recognised (recall); 0 where there are none. */
  accuracy: number;
  /** Share that is right of what was taken for this class (precision); 0 where there is none. */
  precision: number;
  f1: number;
}

const COLUMNS = 3;

/** The classes with the largest logits, -1 where a logit is not finite, of what native evaluation tells of each sample. */
export function predictedClasses(samples: Int32Array): number[] {
  return Array.from(samples.filter((_, i) => i % COLUMNS === 0));
}

/** Gathers what native evaluation tells of each sample. */
export class ClassificationTally {
  readonly #confusion: number[][];
  /** Images of each class that got no answer. */
  readonly #unanswered: number[];
  #images = 0;
  #amongFive = 0;

  constructor(classes: number) {
    this.#confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
    this.#unanswered = new Array<number>(classes).fill(0);
  }

  /** @param samples of each label: the predicted class or -1, how many classes come before it, and a column not used here */
  add(labels: readonly number[], samples: Int32Array): void {
    labels.forEach((label, i) => {
      const [predicted = 0, before = 0] = samples.subarray(i * COLUMNS);
      const row = predicted < 0 ? this.#unanswered : this.#confusion[label];
      const place = predicted < 0 ? label : predicted;
      if (row) row[place] = (row[place] ?? 0) + 1;
      this.#amongFive += predicted >= 0 && before < 5 ? 1 : 0;
      this.#images += 1;
    });
  }

  /** What was counted, as numbers that may be added to those of other images. */
  counts(): number[] {
    return [this.#images, this.#amongFive, ...this.#unanswered, ...this.#confusion.flat()];
  }

  /** @param counts sums of what {@link counts} gave */
  replace([images = 0, amongFive = 0, ...counts]: readonly number[]): void {
    const classes = this.#unanswered.length;
    this.#images = images;
    this.#amongFive = amongFive;
    for (let index = 0; index < classes; index += 1) {
      this.#unanswered[index] = counts[index] ?? 0;
      this.#confusion[index] = counts.slice((index + 1) * classes, (index + 2) * classes);
    }
  }

  scores(): ClassificationScores {
    const confusion = this.#confusion;
    const perClass = confusion.map((_, index) => scoreClass(confusion, index, this.#unanswered[index] ?? 0));
    const nonFinite = this.#unanswered.reduce((sum, count) => sum + count, 0);
    const occurring = perClass.filter((scores, index) => {
      return scores.images > 0 || confusion.some((row) => (row[index] ?? 0) > 0);
    });
    return {
      top5Accuracy: share(this.#amongFive, this.#images),
      macroF1: mean(occurring.map(({ f1 }) => f1)),
      balancedAccuracy: mean(perClass.filter(({ images }) => images > 0).map(({ accuracy }) => accuracy)),
      perClass,
      confusion,
      ...(nonFinite > 0 ? { nonFinite } : {}),
    };
  }
}

function scoreClass(
  confusion: readonly (readonly number[])[],
  index: number,
  unanswered: number,
): ClassScores {
  const row = confusion[index] ?? [];
  const right = row[index] ?? 0;
  const images = unanswered + row.reduce((sum, count) => sum + count, 0);
  const taken = confusion.reduce((sum, predictions) => sum + (predictions[index] ?? 0), 0);
  return {
    images,
    accuracy: share(right, images),
    precision: share(right, taken),
    f1: share(2 * right, images + taken),
  };
}

function mean(values: readonly number[]): number {
  return share(
    values.reduce((sum, value) => sum + value, 0),
    values.length,
  );
}

function share(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}
