import type { LossOptions } from "mutual-channel-loss";
import { ListDataset, type Dataset, type TransformSpec } from "mutual-channel-loss/data";
import { ImageFolder } from "#lib/data/image-folder.js";
import { openTrainingSets } from "#lib/data/training-sets.js";
import { augmentation, type TakesImages } from "#lib/image/presets.js";
import { DEFAULT_RECIPE } from "#lib/recipes/default-recipe.js";
import { drawingAugmentation } from "./augmentation.js";
import type { EmojiFaces } from "./emoji-faces.js";

/** What the demo trains on and what it holds out. */
export interface DemoImages {
  /** For people. */
  title: string;
  train: Dataset;
  test: Dataset;
  augmentation(model: TakesImages): TransformSpec[];
  losses: Readonly<Record<"ce" | "mc", LossOptions>>;
}

/** What the demo compares, with the weights that fit its drawings. */
export const DEMO_LOSSES = {
  ce: "ce",
  mc: { alpha: 1.5, beta: 10 },
} as const satisfies Record<string, LossOptions>;

/** The demo's drawings; two designers' are held out. */
export async function openFaces(faces: EmojiFaces, split: string): Promise<DemoImages> {
  const train = await ImageFolder.open(faces.train);
  return {
    title: `${faces.images} drawings of ${faces.classes} faces; held out: two designers (split ${split})`,
    train,
    test: await ImageFolder.open(faces.test, { classes: train.classes }),
    augmentation: drawingAugmentation,
    losses: DEMO_LOSSES,
  };
}

/** Of images without parts one in so many is held out. */
const HELD_OUT = 5;

/**
 * Photographs: a folder with a sub-folder for each class, or a published set. Its validation or test part is held out or,
 * without any, every fifth image of each class.
 * @throws McLossError ERR_DATASET
 */
export async function openPhotographs(dir: string): Promise<DemoImages> {
  const { images, heldOut } = await openTrainingSets({ dir, allowPartial: true });
  const [train, test] = heldOut ? [images, heldOut] : holdOut(images);
  const held = heldOut ? "its own part" : "every fifth of each class";
  return {
    title: `${train.length} photographs of ${images.classes.length} classes; held out: ${test.length}, ${held}`,
    train,
    test,
    augmentation: (model) => augmentation(model, "flip"),
    losses: { ce: "ce", mc: DEFAULT_RECIPE.loss },
  };
}

function holdOut({ classes, samples }: ListDataset): [ListDataset, ListDataset] {
  const seen = classes.map(() => 0);
  const isHeld = samples.map(({ label }) => {
    seen[label] = (seen[label] ?? 0) + 1;
    return seen[label] % HELD_OUT === 0;
  });
  return [
    new ListDataset(
      classes,
      samples.filter((_, i) => !isHeld[i]),
    ),
    new ListDataset(
      classes,
      samples.filter((_, i) => isHeld[i]),
    ),
  ];
}

const IMAGES_OF_A_DEMO = 45_000;

/** As many as a demo of some minutes has time for. */
export function demoEpochs({ train }: DemoImages): number {
  return Math.min(50, Math.max(2, Math.round(IMAGES_OF_A_DEMO / train.length)));
}
