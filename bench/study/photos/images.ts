import { ListDataset, type Dataset } from "mutual-channel-loss/data";
import { openTrainingSets } from "#lib/data/training-sets.js";

/** Photographs to train on and to test. */
export interface Photos {
  train: Dataset;
  test: Dataset;
  /** Whether test images have boxes. */
  boxed: boolean;
}

/**
 * Opens a folder with train/CLASS/ and test/CLASS/, or a published set.
 * @param most how many of the classes to take, the first ones. Default: all
 */
export async function openPhotos(dir: string, most = Infinity): Promise<Photos> {
  const { images, heldOut } = await openTrainingSets({ dir, allowPartial: true });
  if (!heldOut) throw new Error(`${dir} needs train/CLASS/ and test/CLASS/, or to be a published set`);
  const classes = images.classes.slice(0, most);
  const take = ({ samples }: ListDataset) =>
    new ListDataset(
      classes,
      samples.filter(({ label }) => label < classes.length),
    );
  const [train, test] = [take(images), take(heldOut)];
  return { train, test, boxed: test.samples.some(({ box }) => box !== undefined) };
}
