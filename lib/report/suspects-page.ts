import { encodedImageOf, type Sample } from "../data/dataset.js";
import { mapAhead } from "../prefetch.js";
import { percent, whole } from "./format.js";
import { dataUrl, html } from "./html.js";
import { readAssets } from "./page-assets.js";
import type { Suspects } from "./find-suspects.js";

const THUMBNAIL_PIXELS = 176;
const AT_ONCE = 16;

/**
 * A page of the images whose labels are doubted most, each with the label that it has and the one that is likelier.
 * @param samples by their paths
 */
export async function renderSuspects(
  found: Omit<Suspects, "page" | "csv">,
  samples: ReadonlyMap<string, Sample>,
  shown: number,
): Promise<string> {
  const images = found.images.slice(0, shown);
  const sources: string[] = [];
  const draw = ({ path }: { path: string }) => thumbnail(samples.get(path) ?? { path, label: 0 });
  for await (const source of mapAhead(images, AT_ONCE, draw)) sources.push(source);
  const figures = images.map((image, index) => {
    const caption = `${image.path}: labelled ${image.label}, likelier ${image.suggested}`;
    return html`<figure class="example ${image.suspect ? "mistaken" : "recognised"}">
      <img src="${sources[index]}" alt="${caption}" title="${image.path}" width="176" height="176" />
      <figcaption>
        ${index + 1}. <b>${image.label}</b> ${percent(image.labelProbability)}<br />
        likelier: <b>${image.suggested}</b> ${percent(image.suggestedProbability)}
      </figcaption>
    </figure>`;
  });
  const { style } = await readAssets();
  const title = "Labels that are doubted";
  const rest = found.images.length - images.length;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src 'unsafe-inline'"
        />
        <meta name="generator" content="mutual-channel-loss" />
        <link rel="icon" href="data:," />
        <title>${title}</title>
        <style>
          ${style}
        </style>
      </head>
      <body>
        <header>
          <p class="brand">mutual-channel-loss</p>
          <h1>${title}</h1>
        </header>
        <main>
          <section aria-label="${title}">
            <p>
              ${whole(found.suspects)} of ${whole(found.images.length)} images are suspect: models that were
              trained without them are as sure of another class as they mostly are of that class's own images.
              ${percent(found.noise)} of the labels at most are estimated to be wrong: a model that is often
              wrong itself doubts right ones too. The most doubtful come
              first${rest > 0 ? `; the CSV file has the other ${whole(rest)} too` : ""}.
            </p>
            ${found.notes.map((note) => html`<p class="notice">${note}</p>`)}
            <div class="examples">${figures}</div>
          </section>
        </main>
      </body>
    </html> `.markup;
}

async function thumbnail(sample: Sample): Promise<string> {
  return dataUrl("jpeg", await encodedImageOf(sample).thumbnail(THUMBNAIL_PIXELS));
}
