/** Lines over the epochs, as plain data. */
export interface Chart {
  id: string;
  title: string;
  /** One sentence of what the lines are. */
  meaning: string;
  /** How values are written. */
  format: Intl.NumberFormatOptions;
  /** Whether values are from 0 to 1. */
  share: boolean;
  epochs: number[];
  series: Series[];
}

export interface Series {
  label: string;
  /** Which of the page's colours. */
  color: number;
  dashed: boolean;
  /** One for each of the chart's epochs; null where there is none. */
  values: (number | null)[];
}

/** What a live page gets when its run went on. */
export interface LiveUpdate {
  /** Changes where the page cannot be updated in place. */
  structure: string;
  title: string;
  /** HTML by the names of the page's data-fragment elements. */
  fragments: Record<string, string>;
  charts: Chart[];
  /** Whether no further update comes. */
  ended: boolean;
}
