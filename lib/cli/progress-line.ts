import stringWidth from "fast-string-width";

/** What one line says of how far something is. */
export interface ProgressState {
  label: string;
  /** From 0 to 1. */
  share: number;
  /** The time that is left, for people. */
  left: string;
  /** What else is known, the most telling first. */
  facts: readonly string[];
}

const SEPARATOR = " · ";
const LEAST_BAR = 8;
const MOST_BAR = 24;
/** Facts that come before the label and the bar, where there is not room for all. */
const FIRST_FACTS = 2;

/** A line of at most `columns`. What does not fit is left out as a whole. */
export function progressLine({ label, share, left, facts }: ProgressState, columns: number): string {
  const percentage = `${Math.floor(100 * within(share))}%`;
  const eta = `ETA ${left}`;
  const [telling, others] = [facts.slice(0, FIRST_FACTS), facts.slice(FIRST_FACTS)];
  const first = takeFitting([...telling.slice(0, 1), eta, ...telling.slice(1)], columns - percentage.length);
  let room = columns - [percentage, ...first].reduce((sum, text) => sum + widthOf(text), -SEPARATOR.length);
  const labels = stringWidth(label) < room ? [label] : [];
  room -= labels.length * (stringWidth(label) + 1);
  const rest = takeFitting(others, room - LEAST_BAR - 1);
  room -= rest.reduce((sum, text) => sum + widthOf(text), 0);
  const bar = room > LEAST_BAR ? [drawBar(share, Math.min(MOST_BAR, room - 1))] : [];
  const told = [eta, ...telling].filter((text) => first.includes(text));
  return [[...labels, ...bar, percentage].join(" "), ...told, ...rest].join(SEPARATOR);
}

/** Of texts in the order of their weight those that fit, each with a separator. */
function takeFitting(texts: readonly string[], columns: number): string[] {
  let room = columns;
  return texts.filter((text) => {
    if (widthOf(text) > room) return false;
    room -= widthOf(text);
    return true;
  });
}

function widthOf(text: string): number {
  return stringWidth(text) + SEPARATOR.length;
}

function drawBar(share: number, width: number): string {
  const done = Math.round(width * within(share));
  return "█".repeat(done) + "░".repeat(width - done);
}

function within(share: number): number {
  return Math.min(1, Math.max(0, share));
}
