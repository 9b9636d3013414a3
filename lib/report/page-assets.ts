import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { compiledFile, PACKAGE_ROOT, requireHere } from "../package.js";
import { Html } from "./html.js";

/** Files of the page, from the package and from uPlot's. */
export async function readAssets() {
  const { resolve } = requireHere;
  const read = (file: string) => readFile(file, "utf8");
  const [uPlot, licence, uPlotStyle, style, drawCharts, followRun] = await Promise.all([
    read(resolve("uplot/dist/uPlot.iife.min.js")),
    read(resolve("uplot/LICENSE")),
    read(resolve("uplot/dist/uPlot.min.css")),
    read(join(PACKAGE_ROOT, "lib", "report", "page.css")),
    read(compiledFile("report/browser/draw-charts.js")),
    read(compiledFile("report/browser/follow-run.js")),
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
