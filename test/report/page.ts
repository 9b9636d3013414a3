import type { Chart } from "#lib/report/browser/chart.js";

/** The charts' data that a page carries. */
export function chartsIn(page: string): Chart[] {
  const [, json = ""] = /<script type="application\/json" id="charts">(.*?)<\/script>/s.exec(page) ?? [];
  return JSON.parse(json) as Chart[];
}
