import { html, type Html, type HtmlValue } from "../html.js";

/**
 * A table that scrolls by itself where it is wider than the page; each row begins with its heading. One of the kind "runs" has
 * few rows and long texts: they are wrapped, and on a phone each row is a block.
 */
export function table(
  caption: string,
  heading: readonly HtmlValue[],
  rows: readonly (readonly HtmlValue[])[],
  kind = "numbers",
): Html {
  const head = heading.map((cell) => html`<th scope="col">${cell}</th>`);
  const label = (index: number) => (kind === "runs" ? html` data-label="${heading[index + 1]}"` : undefined);
  const body = rows.map(([first, ...cells]) => {
    return html`<tr>
      <th scope="row">${first}</th>
      ${cells.map((cell, index) => html`<td${label(index)}>${cell}</td>`)}
    </tr>`;
  });
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
    <table class="${kind}">
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${body}
      </tbody>
    </table>
  </div>`;
}
