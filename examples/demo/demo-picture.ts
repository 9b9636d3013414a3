import { writeFile } from "node:fs/promises";
import { basename, dirname, extname } from "node:path";
import type { Dataset } from "#lib/data/dataset.js";
import { McLossError } from "#lib/errors.js";
import { named } from "#lib/io/replace-file.js";
import { className } from "#lib/models/class-name.js";
import { groupsOf } from "#lib/models/groups-of.js";
import type { Model } from "#lib/models/model.js";
import { renderChannelSheet, type SheetRow } from "#lib/pictures/channel-sheet.js";
import type { ChannelMap } from "#lib/pictures/heat-map.js";
import { readInput } from "#lib/predict/model-input.js";
import { noGrad } from "#lib/tensor/grad-mode.js";
import { tidy } from "#lib/tensor/scope.js";

/**
 * Draws held-out images, evenly spread over the classes, and for each model the heat maps of the true class's
 * channels.
 */
export async function drawDemoPicture(
  path: string,
  models: ReadonlyMap<string, Model>,
  images: Dataset,
  count = 6,
): Promise<void> {
  const rows: SheetRow[] = [];
  for (let i = 0; i < count; i += 1) {
    // Odd steps alternate between the two held-out styles.
    const index = Math.floor(((i + 0.5) * images.length) / count);
    rows.push(await sheetRow(images, index, [...models.values()]));
  }
  const picture = await renderChannelSheet([...models.keys()], rows);
  await named(path, writeFile(path, picture));
}

async function sheetRow(images: Dataset, index: number, models: readonly Model[]): Promise<SheetRow> {
  const { path, label } = images.sample(index);
  const [first] = models;
  if (!first) throw new McLossError("ERR_ARGUMENT", "models must not be empty", { argument: "models" });
  const { image } = await tidy(() => readInput(first, path));
  return {
    image,
    labels: [basename(dirname(path)), basename(path, extname(path))],
    groups: await Promise.all(models.map((model) => lookThrough(model, path, label))),
  };
}

/** The maps of the class's channels, and what the model takes the image for. */
async function lookThrough(model: Model, path: string, label: number): Promise<SheetRow["groups"][number]> {
  const { start, count } = groupsOf(model).channelsOf(label);
  return tidy(() =>
    noGrad(async () => {
      const { tensor } = await readInput(model, path);
      const { features, logits } = await model.eval().forward(tensor);
      const [, , height = 0, width = 0] = features.shape;
      const data = await features.narrow(1, start, count).data();
      const predicted = logits.argmax(1).item();
      return {
        maps: Array.from({ length: count }, (_, channel) =>
          mapOf(data as Float32Array, channel, height, width),
        ),
        correct: predicted === label,
        label: `→ ${className(model.info.classNames, predicted)}`,
      };
    }),
  );
}

function mapOf(data: Float32Array, channel: number, height: number, width: number): ChannelMap {
  return { data: data.subarray(channel * height * width, (channel + 1) * height * width), height, width };
}
