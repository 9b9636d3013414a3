import type { Chart } from "../browser/chart.js";
import { describeChart, writerOf } from "../charts.js";
import { html, type Html } from "../html.js";
import { table } from "./table.js";

/** Where the page's script draws a chart, with what it shows in words and as a table. */
export function chartFigure(chart: Chart, slot: (name: string) => Html): Html {
  const { id, title, meaning } = chart;
  return html`<figure class="card chart" id="chart-${id}" aria-labelledby="title-${id}">
    <h3 id="title-${id}">${title}</h3>
    <figcaption>${meaning}</figcaption>
    <div class="legend" role="group" aria-label="Lines of ${title}: press to hide or show"></div>
    <div class="plot" role="img" aria-labelledby="title-${id} words-${id}"></div>
    <div class="words" id="words-${id}">${slot(`words-${id}`)}</div>
    <details>
      <summary>Table</summary>
      ${slot(`table-${id}`)}
    </details>
  </figure>`;
}

/** What changes in a chart's figure when its run goes on, by the slots' names. */
export function chartFragments(chart: Chart): [string, Html][] {
  const write = writerOf(chart);
  const heading = ["Epoch", ...chart.series.map(({ label }) => label)];
  const rows = chart.epochs.map((epoch, i) => [epoch, ...chart.series.map(({ values }) => write(values[i]))]);
  return [
    [`words-${chart.id}`, html`${describeChart(chart)}`],
    [`table-${chart.id}`, table(`${chart.title} by epoch`, heading, rows)],
  ];
}
