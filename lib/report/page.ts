import type { LiveUpdate } from "./browser/chart.js";
import { chartsOf } from "./charts.js";
import { dataElement, html, Html } from "./html.js";
import { readAssets } from "./page-assets.js";
import type { RunPictures } from "./picture-runs.js";
import type { RecordedRun } from "../run/read-run.js";
import { healthSection } from "./sections/channel-health.js";
import { chartFigure, chartFragments } from "./sections/charts.js";
import { comparisonSection } from "./sections/comparison.js";
import { channelSection, confusionSection } from "./sections/confusion.js";
import { environmentSection } from "./sections/environment.js";
import { progressSection } from "./sections/progress.js";
import { summarySection } from "./sections/summary.js";
import { measuredImages, summarizeRun } from "../compare/summarize-run.js";

/** What a page is made of. */
export interface PageContent {
  /** Several are compared. */
  runs: readonly RecordedRun[];
  /** Absent where no images were given. */
  pictures?: readonly RunPictures[];
  /** Whether the page follows a run by server-sent events. */
  live: boolean;
}

/** One HTML document with all that it needs. */
export async function renderPage(content: PageContent): Promise<string> {
  return (await renderDocument(content)).document;
}

/** The page that follows a run, and its Content-Security-Policy, which it has in itself too. */
export function renderLivePage(run: RecordedRun | undefined): Promise<{ document: string; policy: string }> {
  return renderDocument({ runs: run ? [run] : [], live: true });
}

async function renderDocument(content: PageContent): Promise<{ document: string; policy: string }> {
  const { live } = content;
  const { structure, title, fragments, charts } = stateOf(content);
  const slot = (name: string) => html`<div data-fragment="${name}">${fragments.get(name)}</div>`;
  const assets = await readAssets();
  const scripts = live
    ? [assets.uPlot, assets.drawCharts, assets.followRun]
    : [assets.uPlot, assets.drawCharts];
  const policy = [
    "default-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "img-src data:",
    "style-src 'unsafe-inline'",
    `script-src ${scripts.map(({ hash }) => hash).join(" ")}`,
    ...(live ? ["connect-src 'self'"] : []),
  ].join("; ");
  const document = html`<!doctype html>
    <html lang="en" data-structure="${structure}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="generator" content="mutual-channel-loss" />
        <link rel="icon" href="data:," />
        <title>${title}</title>
        <style>
          ${assets.style}
        </style>
      </head>
      <body>
        <header>
          <p class="brand">mutual-channel-loss</p>
          <h1>${headingOf(content)}</h1>
          ${live ? liveBar(slot) : undefined}
        </header>
        <main>
          ${section("Summary", slot("summary"))} ${section("Training", trainingSection(charts, slot))}
          ${pictureSections(content)}
          ${section(
            "Environment",
            html`${content.runs.map((run, index) => environmentSection(run, content.runs.length === 1 && index === 0))}`,
          )}
        </main>
        <footer><p>Made by mutual-channel-loss. Charts are drawn by uPlot (MIT licence).</p></footer>
        ${dataElement("charts", charts)} ${scripts.map(({ element }) => element)}
      </body>
    </html> `;
  return { document: document.markup, policy };
}

/** What a live page gets when the run went on. */
export function liveUpdate(run: RecordedRun | undefined, ended: boolean): LiveUpdate {
  const { structure, title, fragments, charts } = stateOf({ runs: run ? [run] : [], live: true });
  const markup = [...fragments].map(([name, { markup }]) => [name, markup]);
  return { structure, title, fragments: Object.fromEntries(markup) as Record<string, string>, charts, ended };
}

/** All that changes while a run goes on. */
function stateOf(content: PageContent) {
  const { runs } = content;
  const charts = chartsOf(runs);
  const summaries = runs.map(summarizeRun);
  const [run] = runs;
  const [summary] = summaries;
  const one = run && summary && runs.length === 1 ? { run, summary } : undefined;
  const fragments = new Map<string, Html>(charts.flatMap(chartFragments));
  const health = healthSection(summaries);
  if (one) fragments.set("summary", html`${summarySection(one.summary)}${health}`);
  else if (runs.length > 1) fragments.set("summary", html`${comparisonSection(runs, summaries)}${health}`);
  else fragments.set("summary", html`<p>The training has not started yet.</p>`);
  if (content.live && one) fragments.set("progress", progressSection(one.run, one.summary));
  const scores = one?.summary.best ?? one?.summary.last;
  const accuracy = scores ? ` · ${(100 * scores.accuracy).toFixed(1)}%` : "";
  const lines = charts.map(({ id, series }) => `${id}:${series.map(({ label }) => label).join()}`);
  const structure = [...runs.map(({ info }) => info.started), ...lines].join("|");
  return { structure, title: `${headingOf(content)}${accuracy}`, fragments, charts };
}

function headingOf({ runs }: PageContent): string {
  if (runs.length > 1) return `Comparison of ${runs.length} runs`;
  return runs[0]?.name ?? "Waiting for the training to start";
}

function liveBar(slot: (name: string) => Html): Html {
  return html`<div class="live">
    <span id="connection" role="status" data-state="lost">connecting</span>${slot("progress")}
  </div>`;
}

function section(title: string, content: Html): Html {
  const id = title.toLowerCase().replaceAll(/\W+/g, "-");
  return html`<section aria-labelledby="${id}">
    <h2 id="${id}">${title}</h2>
    ${content}
  </section>`;
}

function trainingSection(charts: LiveUpdate["charts"], slot: (name: string) => Html): Html {
  if (charts.length === 0) return html`<p>No epoch has ended yet.</p>`;
  return html`<noscript
      ><p class="notice">The charts need JavaScript; their tables have the same numbers.</p></noscript
    >
    <p class="hint">Point at a chart for the values of an epoch, drag to zoom, double-click to zoom out.</p>
    <div class="charts">${charts.map((chart) => chartFigure(chart, slot))}</div>`;
}

function pictureSections({ runs, pictures, live }: PageContent): Html | undefined {
  if (live) return undefined;
  if (!pictures) {
    return section(
      "Confused classes and channels",
      html`<p>
        Add <code>--images ${(runs[0] && measuredImages(runs[0].info)) ?? "photos/test"}</code> to see which
        classes the best checkpoint confuses, on which images, and what its channels look at.
      </p>`,
    );
  }
  const titled = (name: string, content: Html) =>
    runs.length > 1
      ? html`<h3>${name}</h3>
          ${content}`
      : content;
  const confusions = pictures.flatMap(({ run, confusion, classNames }) => {
    return confusion ? [titled(run, confusionSection(confusion, classNames))] : [];
  });
  const channels = pictures.map((one) => titled(one.run, channelSection(one)));
  return html`${confusions.length > 0 ? section("Most confused classes", html`${confusions}`) : undefined}
  ${section("What the channels look at", html`${channels}`)}`;
}
