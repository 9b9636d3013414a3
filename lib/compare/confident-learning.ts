/** What is known of an image: the label that it has, and what a model says that was trained without it. */
export interface JudgedLabel {
  label: number;
  /** Of each class; they add up to 1. */
  probabilities: ArrayLike<number>;
}

/** How much a label is doubted. */
export interface LabelDoubt {
  /** The place in the list that was given. */
  index: number;
  /** The class that is likelier than the others but the label. */
  suggested: number;
  /**
   * The logarithm of how many times likelier the suggested class is than the label, each beside how sure the model mostly is of
   * it: above 0 the other class is likelier.
   */
  doubt: number;
  /** Whether the model is as sure of another class as it mostly is of that class's own images. */
  suspect: boolean;
}

/** What {@link doubtLabels} found. */
export interface LabelDoubts {
  /** All labels, the most doubtful first. */
  doubts: LabelDoubt[];
  /** The share of labels that are estimated to be wrong, 0 to 1. */
  noise: number;
  /** How sure the model is of each class on the images of that class, on average; NaN without any. */
  confidence: number[];
}

/**
 * Confident learning (Northcutt, Jiang & Chuang 2021): a label is suspect where the model is as sure of another class as it is on
 * average of that class's own images. The confident joint, calibrated to how often each label is there, estimates how many
 * labels are wrong. Ranked by how many times likelier another class is than the label, each beside its class's average, so that
 * classes of which the model is never sure are not all doubted. (Differences in place of ratios find fewer: a label that is
 * wrong is all but impossible, where one that is hard is not.)
 */
export function doubtLabels(judged: readonly JudgedLabel[], classes: number): LabelDoubts {
  const confidence = confidenceOf(judged, classes);
  const joint = Array.from({ length: classes }, () => new Float64Array(classes));
  const doubts = judged.map((one, index) => {
    const counted = confidentClass(one, confidence);
    const row = joint[one.label];
    if (row && counted !== undefined) row[counted] = (row[counted] ?? 0) + 1;
    return { ...oddsOf(one, confidence), index, suspect: counted !== undefined && counted !== one.label };
  });
  // A stable order: of equal ones the first given is first.
  doubts.sort((a, b) => b.doubt - a.doubt || a.index - b.index);
  return { doubts, noise: noiseOf(judged, joint), confidence };
}

function confidenceOf(judged: readonly JudgedLabel[], classes: number): number[] {
  const [sums, counts] = [new Float64Array(classes), new Float64Array(classes)];
  for (const { label, probabilities } of judged) {
    sums[label] = (sums[label] ?? 0) + (probabilities[label] ?? 0);
    counts[label] = (counts[label] ?? 0) + 1;
  }
  return Array.from(sums, (sum, label) => sum / (counts[label] ?? 0));
}

/** The likeliest of the classes that the model is sure of; undefined where it is of none. */
function confidentClass({ probabilities }: JudgedLabel, confidence: readonly number[]): number | undefined {
  let best: number | undefined;
  confidence.forEach((threshold, label) => {
    const probability = probabilities[label] ?? 0;
    if (!(probability >= threshold)) return;
    if (best === undefined || probability > (probabilities[best] ?? 0)) best = label;
  });
  return best;
}

/** A probability of 0 is one that float32 does not tell from it. */
const LEAST = 1e-12;

function oddsOf(
  { label, probabilities }: JudgedLabel,
  confidence: readonly number[],
): Pick<LabelDoubt, "suggested" | "doubt"> {
  const relative = (of: number) =>
    Math.log(Math.max(LEAST, probabilities[of] ?? 0)) - Math.log(Math.max(LEAST, confidence[of] ?? 0));
  let suggested = -1;
  confidence.forEach((average, other) => {
    if (other === label || Number.isNaN(average)) return;
    if (suggested < 0 || relative(other) > relative(suggested)) suggested = other;
  });
  return { suggested, doubt: suggested < 0 ? 0 : relative(suggested) - relative(label) };
}

/** The share off the diagonal of the joint, each row scaled to how many images have its label. */
function noiseOf(judged: readonly JudgedLabel[], joint: readonly Float64Array[]): number {
  const counts = joint.map(() => 0);
  for (const { label } of judged) counts[label] = (counts[label] ?? 0) + 1;
  const wrong = joint.map((row, label) => {
    const sum = row.reduce((total, value) => total + value, 0);
    return sum === 0 ? 0 : (1 - (row[label] ?? 0) / sum) * (counts[label] ?? 0);
  });
  return wrong.reduce((sum, value) => sum + value, 0) / Math.max(1, judged.length);
}
