import { closest, distance } from "fastest-levenshtein";

const LETTERS_PER_TYPO = 3;
/** Words up to this long have one typo at most. */
const SHORT_WORD = 4;

/** What `word` was probably meant to be; undefined where none is near. */
export function findNear(word: string, known: readonly string[]): string | undefined {
  const near = known.length > 0 ? closest(word, known) : undefined;
  if (near === undefined) return undefined;
  const typos = Math.max(word.length > SHORT_WORD ? 2 : 1, word.length / LETTERS_PER_TYPO);
  return distance(word, near) <= typos ? near : undefined;
}

/** What `word` was probably meant to be: " (did you mean learningRate?)", or, where none is near, all there is. */
export function suggestNear(word: string, known: readonly string[]): string {
  const near = findNear(word, known);
  if (near !== undefined) return ` (did you mean ${near}?)`;
  return known.length > 0 ? ` (there is ${known.join(", ")})` : "";
}
