import { className } from "../../models/class-name.js";
import { percent, whole } from "../format.js";
import { html, Html } from "../html.js";
import type { ConfusionPictures, RunPictures } from "../picture-runs.js";

const MOST_CLASSES = 10;

/** The classes that a run confuses most: how often, and on which images. */
export function confusionSection(confusion: ConfusionPictures, classNames: readonly string[]): Html {
  const { data, images, accuracy, skipped, pairs } = confusion;
  const measured = html`<p>
    The best checkpoint recognises ${percent(accuracy)} of the ${whole(images)} images of
    ${data}${skipped > 0 ? `; ${whole(skipped)} could not be read` : ""}.
  </p>`;
  if (pairs.length === 0)
    return html`${measured}
      <p>No class is taken for another.</p>`;
  const name = (label: number) => className(classNames, label);
  return html`${measured}${matrix(confusion, name)}
  ${pairs.map(({ classes: [a, b], counts, pictures }) => {
    const figures = pictures.map(({ kind, source, caption }) => {
      return html`<figure class="example ${kind}">
        <img src="${source}" alt="${caption}" width="176" height="176" />
        <figcaption>${kind === "recognised" ? "recognised: " : ""}${caption}</figcaption>
      </figure>`;
    });
    return html`<h4>${name(a)} and ${name(b)}</h4>
      <p>
        ${timesTaken(counts[0], name(a), name(b))}${counts[1] > 0 ? `; ${timesTaken(counts[1], name(b), name(a))}` : ""}.
      </p>
      <div class="examples">${figures}</div>`;
  })}`;
}

function timesTaken(count: number, truth: string, predicted: string): string {
  return `${whole(count)} ${count === 1 ? "image" : "images"} of ${truth} taken for ${predicted}`;
}

/** Of the classes in the most confused pairs; the darker, the larger the share of the row's class. */
function matrix({ matrix: counts, pairs }: ConfusionPictures, name: (label: number) => string): Html {
  const labels = [...new Set(pairs.flatMap(({ classes }) => classes))].slice(0, MOST_CLASSES);
  const head = labels.map(
    (label, i) => html`<th scope="col"><abbr title="${name(label)}">${i + 1}</abbr></th>`,
  );
  const rows = labels.map((truth, i) => {
    const total = counts[truth]?.reduce((sum, count) => sum + count, 0) ?? 0;
    const cells = labels.map((predicted) => {
      const count = counts[truth]?.[predicted] ?? 0;
      const share = total > 0 ? count / total : 0;
      const kind = truth === predicted ? "right" : "wrong";
      return html`<td class="${count > 0 ? kind : "none"}" style="--share:${share.toFixed(3)}">
        ${whole(count)}
      </td>`;
    });
    return html`<tr>
      <th scope="row">${i + 1} ${name(truth)}</th>
      ${cells}
    </tr>`;
  });
  const caption = "Images by true class (rows) and predicted class (columns)";
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
    <table class="matrix">
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          <th scope="col">Class</th>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

/** What a run's channels look at. */
export function channelSection({ sheets, hasChannels }: RunPictures): Html {
  if (!hasChannels) return html`<p>This network has no channels of its own for each class.</p>`;
  const figures = sheets.map(({ source, caption }) => {
    const text = `What the channels look at in ${caption}`;
    return html`<figure class="sheet">
      <figcaption>${caption}</figcaption>
      <div class="scroll" tabindex="0" role="region" aria-label="${text}">
        <img src="${source}" alt="${text}" />
      </div>
    </figure>`;
  });
  return html`<p>
      For the predicted class and its strongest rival: each of the class's channels, their maximum, which
      channel wins where, and a class activation map of the classifier.
    </p>
    ${figures}`;
}
