import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { Html } from "./html.js";

/** Files of the page, from the package and from uPlot's. */
export async function readAssets() {
  const { resolve } = createRequire(import.meta.url);
  const read = (file: string | URL) => readFile(file, "utf8");
  const [uPlot, licence, uPlotStyle, style, drawCharts, followRun] = await Promise.all([
    read(resolve("uplot/dist/uPlot.iife.min.js")),
    read(resolve("uplot/LICENSE")),
    read(resolve("uplot/dist/uPlot.min.css")),
    read(new URL("../../lib/report/page.css", import.meta.url)),
    read(new URL("browser/draw-charts.js", import.meta.url)),
    read(new URL("browser/follow-run.js", import.meta.url)),
  ]);
  return {
    // Its declaration has to be seen by the scripts that come after it.
    uPlot: script(`/*!\n${licence}*/\n${uPlot}\nwindow.uPlot = uPlot;\n`),
    drawCharts: script(drawCharts),
    followRun: script(followRun),
    style: new Html(uPlotStyle + style),
  };
}

/** A script in a page. */
export interface Script {
  element: Html;
  /** How a Content-Security-Policy names it. */
  hash: string;
}

function script(code: string): Script {
  // In strings and patterns, the only places for it, `<\/` is the same.
  const text = code.replaceAll(/<\/(?=script)/gi, "<\\/").replaceAll("<!--", "<\\!--");
  return {
    element: new Html(`<script type="module">${text}</script>`),
    hash: `'sha256-${createHash("sha256").update(text).digest("base64")}'`,
  };
}
