/** One image and what is on it. */
export interface Sample {
  path: string;
  /** 0 to K − 1. */
  label: number;
}

/** Images with labels, by number. */
export interface Dataset {
  readonly length: number;
  /** The classes' names; a label is an index into them. */
  readonly classes: readonly string[];
  sample(index: number): Sample;
}
