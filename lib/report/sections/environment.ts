import { flattenTexts } from "../../plain-data.js";
import { html, Html } from "../html.js";
import type { RecordedRun } from "../../run/read-run.js";
import { table } from "./table.js";

/** What a run ran on and with: enough to run it again. */
export function environmentSection({ name, info, damagedLines }: RecordedRun, open: boolean): Html {
  const { versions, platform, threads, started, loaders = {}, options, about } = info;
  const rows = [
    ["started", started],
    ["platform", platform],
    ["threads", String(threads)],
    ...flattenTexts({ versions, options, loaders, about }),
  ];
  const damaged =
    damagedLines > 0
      ? html`<p class="notice">
          Left out: ${damagedLines} damaged ${damagedLines > 1 ? "lines" : "line"} of metrics.jsonl.
        </p>`
      : undefined;
  return html`<details${open ? new Html(" open") : undefined}><summary>${name}</summary>
    ${damaged}${table(`How ${name} was run`, ["What", "Value"], rows, "options")}</details>`;
}
