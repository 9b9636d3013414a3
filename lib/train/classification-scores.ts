/** How well classes are told apart, beyond the share of right answers. Shares are from 0 to 1. */
export interface ClassificationScores {
  /** Images whose true class is among the five best. */
  top5Accuracy: number;
  /** Mean over the classes that occur of F1 = 2·TP / (2·TP + FP + FN) (scikit-learn's f1_score, average "macro"). */
  macroF1: number;
  /** By class number. */
  perClass: ClassScores[];
  /** [true class][predicted class], in images. */
  confusion: number[][];
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

/** The classes with the largest logits, of what native evaluation tells of each sample. */
export function predictedClasses(samples: Int32Array): number[] {
  return Array.from(samples.filter((_, i) => i % COLUMNS === 0));
}

/** Gathers what native evaluation tells of each sample. */
export class ClassificationTally {
  readonly #confusion: number[][];
  #images = 0;
  #amongFive = 0;

  constructor(classes: number) {
    this.#confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  }

  /** @param samples of each label: the predicted class, how many classes come before it, and a column not used here */
  add(labels: readonly number[], samples: Int32Array): void {
    labels.forEach((label, i) => {
      const [predicted = 0, before = 0] = samples.subarray(i * COLUMNS);
      const row = this.#confusion[label];
      if (row) row[predicted] = (row[predicted] ?? 0) + 1;
      this.#amongFive += before < 5 ? 1 : 0;
      this.#images += 1;
    });
  }

  scores(): ClassificationScores {
    const confusion = this.#confusion;
    const perClass = confusion.map((_, index) => scoreClass(confusion, index));
    const occurring = perClass.filter((scores, index) => {
      return scores.images > 0 || confusion.some((row) => (row[index] ?? 0) > 0);
    });
    return {
      top5Accuracy: share(this.#amongFive, this.#images),
      macroF1: share(
        occurring.reduce((sum, { f1 }) => sum + f1, 0),
        occurring.length,
      ),
      perClass,
      confusion,
    };
  }
}

function scoreClass(confusion: readonly (readonly number[])[], index: number): ClassScores {
  const row = confusion[index] ?? [];
  const right = row[index] ?? 0;
  const images = row.reduce((sum, count) => sum + count, 0);
  const taken = confusion.reduce((sum, predictions) => sum + (predictions[index] ?? 0), 0);
  return {
    images,
    accuracy: share(right, images),
    precision: share(right, taken),
    f1: share(2 * right, images + taken),
  };
}

function share(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}
