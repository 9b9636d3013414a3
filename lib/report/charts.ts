import type { Chart, Series } from "./browser/chart.js";
import type { RecordedEpoch } from "../run/epoch-record.js";
import type { RecordedRun } from "../run/read-run.js";

type Value = number | null | undefined;

/** One quantity that is drawn over the epochs. */
interface Quantity extends Pick<Chart, "id" | "title" | "meaning" | "format" | "share"> {
  lines: { label: string; value: (epoch: RecordedEpoch) => Value }[];
  /** Whether its lines are quantities of their own. */
  divisible?: true;
  /** Whether it is 0 where the loss does without it. */
  partOfMcLoss?: boolean;
  /** Whether it may be measured after the last epoch alone, which makes no curve. */
  oftenLeftOut?: boolean;
}

const SHARE = { style: "percent", maximumFractionDigits: 1 } as const;
const DECIMAL = { maximumSignificantDigits: 3 } as const;
const SIGNIFICANT_DIGITS = 6;
/** As many as page.css has. */
const SERIES_COLORS = 8;

const QUANTITIES: readonly Quantity[] = [
  {
    id: "accuracy",
    title: "Accuracy",
    meaning: "The share of images whose largest logit is their class's.",
    format: SHARE,
    share: true,
    lines: trainingAndHeldOut("accuracy"),
  },
  {
    id: "cross-entropy",
    title: "Cross-entropy",
    meaning: "Of the classifier's logits, in nats: the first term of the loss.",
    format: DECIMAL,
    share: false,
    lines: trainingAndHeldOut("crossEntropy"),
  },
  {
    id: "discriminality",
    title: "Discriminality (L_dis)",
    meaning: "Cross-entropy of the channel groups' own scores, in nats; lower: each group knows its class.",
    format: DECIMAL,
    share: false,
    partOfMcLoss: true,
    lines: trainingAndHeldOut("discriminality"),
  },
  {
    id: "diversity",
    title: "Diversity (L_div)",
    meaning: "From 0, where a class's channels look at different places, to below 1, where all look at one.",
    format: DECIMAL,
    share: true,
    partOfMcLoss: true,
    lines: trainingAndHeldOut("diversity"),
  },
  {
    id: "learning-rate",
    title: "Learning rate",
    meaning: "Of the first parameter group, in each epoch's last step.",
    format: DECIMAL,
    share: false,
    lines: [{ label: "learning rate", value: ({ learningRate }) => learningRate }],
  },
  {
    id: "channels",
    title: "Channel health",
    meaning:
      "Diversity h/ξ, the overlap of a class's channels (IoU and cosine), alignment: how much of a channel's activation " +
      "is on its own class, and habit: in how many images a channel is strongest where it mostly is.",
    format: SHARE,
    share: true,
    divisible: true,
    oftenLeftOut: true,
    lines: [
      { label: "diversity", value: ({ channels }) => channels?.diversity },
      { label: "IoU", value: ({ channels }) => channels?.iou },
      { label: "cosine", value: ({ channels }) => channels?.cosine },
      { label: "alignment", value: ({ channels }) => channels?.alignment },
      { label: "habit", value: ({ channels }) => channels?.habit },
      { label: "habit, own class", value: ({ channels }) => channels?.ownHabit },
    ],
  },
  {
    id: "dead-channels",
    title: "Dead channels",
    meaning: "How many channels are never above 0.",
    format: { maximumFractionDigits: 0 },
    share: false,
    oftenLeftOut: true,
    lines: [{ label: "dead channels", value: ({ channels }) => channels?.dead }],
  },
];

function trainingAndHeldOut(
  term: "accuracy" | "crossEntropy" | "discriminality" | "diversity",
): Quantity["lines"] {
  return [
    { label: "training", value: ({ train }) => train[term] },
    { label: "held-out", value: ({ validation }) => validation?.[term] },
  ];
}

/** The charts of one run, or of several over one another. What no run has is left out. */
export function chartsOf(runs: readonly RecordedRun[]): Chart[] {
  const numbers = runs.flatMap((run) => run.epochs.map(({ epoch }) => epoch));
  const epochs = [...new Set(numbers)].sort((a, b) => a - b);
  const several = runs.length > 1;
  return QUANTITIES.flatMap((quantity) => (several && quantity.divisible ? divide(quantity) : quantity))
    .map((quantity) => ({
      ...frameOf(quantity),
      epochs,
      series: runs.flatMap((run, index) => seriesOf(quantity, run, epochs, several ? index : undefined)),
    }))
    .filter(({ series }) => series.length > 0);
}

function frameOf({ id, title, meaning, format, share }: Quantity): Omit<Chart, "epochs" | "series"> {
  return { id, title, meaning, format, share };
}

/** A chart for each line, as the lines of several runs would be too many in one. */
function divide(quantity: Quantity): Quantity[] {
  return quantity.lines.map((line) => ({
    ...quantity,
    id: `${quantity.id}-${line.label.toLowerCase()}`,
    title: `${quantity.title}: ${line.label}`,
    lines: [line],
  }));
}

/** @param place the run's, where there are several: it gets one colour, and the lines after the first are dashed */
function seriesOf(
  { lines, partOfMcLoss = false, oftenLeftOut = false }: Quantity,
  { name, epochs: recorded }: RecordedRun,
  epochs: readonly number[],
  place: number | undefined,
): Series[] {
  const byNumber = new Map(recorded.map((record) => [record.epoch, record]));
  return lines
    .map(({ label, value }, line) => ({
      label: place === undefined ? label : lines.length > 1 ? `${name} ${label}` : name,
      color: (place ?? line) % SERIES_COLORS,
      dashed: place !== undefined && line < lines.length - 1,
      values: epochs.map((epoch) => rounded(byNumber.get(epoch), value)),
    }))
    .filter(({ values }) => {
      const known = values.filter((value) => value !== null && (value !== 0 || !partOfMcLoss));
      return known.length > (oftenLeftOut && recorded.length > 1 ? 1 : 0);
    });
}

/** So that a long run does not make a large page. */
function rounded(record: RecordedEpoch | undefined, valueOf: (epoch: RecordedEpoch) => Value): number | null {
  const value = record && valueOf(record);
  return typeof value === "number" ? Number(value.toPrecision(SIGNIFICANT_DIGITS)) : null;
}

/** What a chart shows, in words. */
export function describeChart(chart: Chart): string {
  const write = writerOf(chart);
  const described = chart.series.map(({ label, values }) => {
    const known = values.filter((value) => value !== null);
    return `${label} from ${write(known[0])} to ${write(known.at(-1))}`;
  });
  return `${described.join("; ")}.`;
}

/** Writes a chart's values. */
export function writerOf({ format }: Chart): (value: Value) => string {
  const numbers = new Intl.NumberFormat("en", format);
  return (value) => (value === null || value === undefined ? "–" : numbers.format(value));
}
