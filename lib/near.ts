import { closest, distance } from "fastest-levenshtein";

const LETTERS_PER_TYPO = 3;

/** What `word` was probably meant to be: " (did you mean learningRate?)", or, where none is near, all there is. */
export function suggestNear(word: string, known: readonly string[]): string {
  const near = known.length > 0 ? closest(word, known) : undefined;
  if (near !== undefined && distance(word, near) <= Math.max(2, word.length / LETTERS_PER_TYPO)) {
    return ` (did you mean ${near}?)`;
  }
  return known.length > 0 ? ` (there is ${known.join(", ")})` : "";
}
