/** Markup that is safe to be in a page. */
export class Html {
  constructor(readonly markup: string) {}

  toString(): string {
    return this.markup;
  }
}

/** What {@link html} takes: text, which it escapes, or markup. */
export type HtmlValue = string | number | undefined | Html | readonly Html[];

/**
 * A template literal of HTML whose values are escaped, for content and for attributes in quotes. The literal's own
 * indentation is left out, as a table has many lines.
 */
export function html(strings: TemplateStringsArray, ...values: HtmlValue[]): Html {
  const parts = strings.map((part) => part.replaceAll(/\s*\n\s*/g, "\n"));
  return new Html(parts.reduce((markup, part, i) => markup + toMarkup(values[i - 1]) + part));
}

function toMarkup(value: HtmlValue): string {
  if (value === undefined) return "";
  if (value instanceof Html) return value.markup;
  return typeof value === "object" ? value.map(({ markup }) => markup).join("") : escapeHtml(String(value));
}

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/** JSON that the page's scripts read by `id`: no `<` in it can end the element or start a comment. */
export function dataElement(id: string, value: unknown): Html {
  const json = JSON.stringify(value).replaceAll("<", "\\u003c");
  return new Html(`<script type="application/json" id="${id}">${json}</script>`);
}

/** An image that is in the page itself. */
export function dataUrl(type: "png" | "jpeg" | "webp", bytes: Uint8Array): string {
  return `data:image/${type};base64,${Buffer.from(bytes).toString("base64")}`;
}
