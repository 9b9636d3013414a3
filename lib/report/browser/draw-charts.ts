import type UPlot from "uplot";
import type { Chart, Series } from "./chart.js";

// A script of its own in the page: it can import types only. uPlot's script comes before it.

const { uPlot } = window as unknown as { uPlot: typeof UPlot };
const HEIGHT = 240;
const MOST_POINTS = 20;
const AXIS_FONT = "12px system-ui, sans-serif";
const WHOLE_EPOCHS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/** A chart that is on the page, and its legend's values. */
interface Drawn {
  chart: Chart;
  plot: UPlot;
  values: HTMLElement[];
  epoch: HTMLElement;
}

const drawn = new Map<string, Drawn>();

function cssColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function seriesColor({ color }: Series): string {
  return `--series-${color}`;
}

function formatter({ format }: Chart): (value: number | null | undefined) => string {
  const numbers = new Intl.NumberFormat("en", format);
  return (value) => (value === null || value === undefined ? "–" : numbers.format(value));
}

function dataOf({ epochs, series }: Chart): UPlot.AlignedData {
  return [epochs, ...series.map(({ values }) => values)];
}

function draw(chart: Chart): void {
  const figure = document.getElementById(`chart-${chart.id}`);
  const target = figure?.querySelector<HTMLElement>(".plot");
  const legend = figure?.querySelector<HTMLElement>(".legend");
  if (!target || !legend) return;
  const plot = new uPlot(optionsOf(chart, target.clientWidth), dataOf(chart), target);
  const values = chart.series.map((series, index) => addLegendEntry(legend, series, index, plot));
  const epoch = document.createElement("span");
  epoch.className = "epoch";
  legend.append(epoch);
  drawn.set(chart.id, { chart, plot, values, epoch });
  showValues(chart.id);
  new ResizeObserver(() => fit(plot, target)).observe(target);
}

function fit(plot: UPlot, target: HTMLElement): void {
  if (target.clientWidth !== plot.width) plot.setSize({ width: target.clientWidth, height: HEIGHT });
}

function optionsOf(chart: Chart, width: number): UPlot.Options {
  const write = formatter(chart);
  const axis = {
    stroke: () => cssColor("--muted"),
    grid: { stroke: () => cssColor("--grid"), width: 1 },
    ticks: { show: false },
    font: AXIS_FONT,
  };
  const lines = chart.series.map((series) => ({
    label: series.label,
    stroke: () => cssColor(seriesColor(series)),
    width: 2,
    spanGaps: true,
    points: { show: ({ data }: UPlot) => data[0].length <= MOST_POINTS },
    ...(series.dashed ? { dash: [6, 4] } : {}),
  }));
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { sync: { key: "epochs" }, drag: { x: true, y: false } },
    scales: {
      x: { time: false, range: (_plot, min, max) => (min === max ? [min - 1, max + 1] : [min, max]) },
      // Never below zero, nor above one for a share, where the values are not.
      y: {
        range: {
          min: { pad: 0.1, soft: 0, mode: 3 },
          max: { pad: 0.1, ...(chart.share ? { soft: 1, mode: 3 } : {}) },
        },
      },
    },
    axes: [
      {
        ...axis,
        incrs: WHOLE_EPOCHS,
        size: 28,
        label: "epoch",
        labelSize: 18,
        labelFont: AXIS_FONT,
        labelGap: 0,
      },
      { ...axis, size: 58, values: (_plot, ticks) => ticks.map(write) },
    ],
    series: [{}, ...lines],
    hooks: { setCursor: [() => showValues(chart.id)] },
  };
}

/** A button that shows and hides one line. @returns where the line's value is written */
function addLegendEntry(legend: HTMLElement, series: Series, index: number, plot: UPlot): HTMLElement {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-pressed", "true");
  const line = document.createElement("span");
  line.className = series.dashed ? "line dashed" : "line";
  line.style.setProperty("--color", `var(${seriesColor(series)})`);
  const value = document.createElement("span");
  value.className = "value";
  button.append(line, series.label, value);
  button.addEventListener("click", () => {
    const show = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(show));
    plot.setSeries(index + 1, { show });
  });
  legend.append(button);
  return value;
}

/** The values under the cursor, or each line's last. */
function showValues(id: string): void {
  const entry = drawn.get(id);
  if (!entry) return;
  const { chart, plot, values, epoch } = entry;
  const write = formatter(chart);
  const { idx } = plot.cursor;
  const pointedAt = typeof idx === "number" ? chart.epochs[idx] : chart.epochs.at(-1);
  epoch.textContent = pointedAt === undefined ? "" : `epoch ${pointedAt}`;
  chart.series.forEach((series, index) => {
    const element = values[index];
    const last = series.values.findLast((value) => value !== null);
    if (element) element.textContent = write(typeof idx === "number" ? series.values[idx] : last);
  });
}

function update(charts: readonly Chart[]): void {
  for (const chart of charts) {
    const entry = drawn.get(chart.id);
    if (!entry) continue;
    entry.chart = chart;
    entry.plot.setData(dataOf(chart));
    showValues(chart.id);
  }
}

function redrawAll(): void {
  for (const { plot } of drawn.values()) plot.redraw(false, true);
}

const data = document.getElementById("charts")?.textContent ?? "[]";
for (const chart of JSON.parse(data) as Chart[]) draw(chart);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
document.addEventListener("charts", ({ detail }: CustomEventInit<readonly Chart[]>) => update(detail ?? []));
