import { writeFile } from "node:fs/promises";
import type { Dataset, Model } from "mutual-channel-loss";
import { maximum } from "#lib/extremes.js";
import { groupsOf } from "#lib/models/groups-of.js";
import { Canvas, FAINT } from "#lib/pictures/canvas.js";
import { renderHeatMap, type ChannelMap } from "#lib/pictures/heat-map.js";
import { readInput } from "#lib/predict/model-input.js";
import { noGrad } from "#lib/tensor/grad-mode.js";
import { tidy } from "#lib/tensor/scope.js";
import { openPhotos } from "./images.js";
import { nameLoss, type PhotosLoss } from "./losses.js";
import { train } from "./run.js";
import { percent } from "../page-text.js";

export interface HabitPicture {
  images: string;
  losses: readonly PhotosLoss[];
  classes: number;
  epochs: number;
  size: number;
}

const CELL = 72;
const GAP = 4;
const LEFT = 200;
const TOP = 44;
const ROW = 3 * (CELL + GAP) + 20;
const SHOWN = 8;
/** The photographs themselves are not shown: their terms do not allow it. */
const NOTHING = { data: Uint8Array.of(0, 0, 0), width: 1, height: 1 };

/**
 * Draws where the channels of one class are on test images of it, for each loss, without the images, and tells what each loss reached.
 * @param path of the PNG
 */
export async function drawHabit(path: string, options: HabitPicture, signal: AbortSignal): Promise<void> {
  const { images, losses, classes, epochs, size } = options;
  const photos = await openPhotos(images, classes);
  const canvas = new Canvas();
  const label = Math.floor(classes / 2);
  canvas.text(`${SHOWN} test images of one class; its three channels below one another`, LEFT, 24, {
    anchor: "start",
    size: 14,
  });
  for (const [index, loss] of losses.entries()) {
    const top = TOP + index * ROW;
    const run = { set: "picture", loss, epochs, size, places: (size / 8) ** 2, seed: 0 };
    const { accuracy, habit, ownHabit } = await train(photos, run, signal, (model) =>
      drawMaps(canvas, model, photos.test, label, top),
    );
    const lines = [
      [nameLoss(loss), 15],
      [`accuracy ${percent(accuracy)} %`, 12],
      [`habit ${percent(habit)} %`, 12],
      [`own class ${percent(ownHabit)} %`, 12],
    ] as const;
    lines.forEach(([text, textSize], line) => {
      canvas.text(text, 16, top + 24 + 20 * line, {
        anchor: "start",
        size: textSize,
        color: line === 0 ? undefined : FAINT,
      });
    });
    console.log(lines.map(([text]) => text).join(", "));
  }
  const width = LEFT + SHOWN * (CELL + GAP) + 16;
  await writeFile(path, await canvas.png(width, TOP + losses.length * ROW));
}

async function drawMaps(
  canvas: Canvas,
  model: Model,
  test: Dataset,
  label: number,
  top: number,
): Promise<void> {
  const own = Array.from({ length: test.length }, (_, i) => test.sample(i)).filter(
    (sample) => sample.label === label,
  );
  const { start, count } = groupsOf(model).channelsOf(label);
  for (const [column, { path }] of own.slice(0, SHOWN).entries()) {
    const maps = await ownMaps(model, path, start, count);
    for (const [channel, map] of maps.entries()) {
      const heat = await renderHeatMap(map, NOTHING, maximum(Array.from(map.data)), CELL);
      canvas.image(heat, LEFT + column * (CELL + GAP), top + channel * (CELL + GAP));
    }
  }
}

function ownMaps(model: Model, path: string, start: number, count: number): Promise<ChannelMap[]> {
  return tidy(() =>
    noGrad(async () => {
      const { tensor } = await readInput(model, path);
      const { features } = await model.eval().forward(tensor);
      const [, , height = 0, width = 0] = features.shape;
      const data = (await features.narrow(1, start, count).data()) as Float32Array;
      const places = height * width;
      return Array.from({ length: count }, (_, channel) => ({
        ...{ data: data.subarray(channel * places, (channel + 1) * places), height, width },
      }));
    }),
  );
}
