import { basename, extname } from "node:path";
import { ImageFolder, type Sample } from "mutual-channel-loss";
import { ListDataset } from "mutual-channel-loss/data";
import { drawingAugmentation } from "../../../../examples/demo/augmentation.js";
import { prepareEmojiFaces } from "../../../../examples/demo/emoji-faces.js";
import { SPLITS, STYLES } from "../../../../examples/demo/styles.js";
import type { Division, StudySet } from "./study-set.js";

const DESIGNERS = STYLES.map(({ name }) => name);

/** The designers whose drawings test a division. */
function testDesigners(division: string): readonly string[] {
  if (division === "A" || division === "B") return SPLITS[division];
  const name = division.replace(/^without /, "");
  if (DESIGNERS.includes(name)) return [name];
  throw new Error(`the emoji faces have no division ${division}`);
}

/**
 * The demo's faces: 85 classes by 8 designers. "A", "B" and "without DESIGNER" test on whole designers. "tune" trains on
 * the four designers that test neither A nor B, and holds out the other four: A's settings are chosen by B's test
 * designers, on whom A trains, and B's by A's. So one run serves both.
 */
export async function emoji(folder: string): Promise<StudySet> {
  const { train, test } = await prepareEmojiFaces(folder, "A");
  const seen = await ImageFolder.open(train);
  const { classes } = seen;
  const unseen = await ImageFolder.open(test, { classes });
  const samples = [...seen.samples, ...unseen.samples];
  const drawnBy = (designers: readonly string[]) =>
    new ListDataset(
      classes,
      samples.filter(({ path }: Sample) => designers.includes(basename(path, extname(path)))),
    );
  const others = (designers: readonly string[]) => DESIGNERS.filter((name) => !designers.includes(name));
  return {
    classes,
    channelsPerClass: 3,
    inputSize: 64,
    augmentation: drawingAugmentation,
    divide(division): Division {
      if (division === "tune") {
        const train = drawnBy(others([...SPLITS.A, ...SPLITS.B]));
        return { train, held: { A: drawnBy(SPLITS.B), B: drawnBy(SPLITS.A) } };
      }
      const designers = testDesigners(division);
      return { train: drawnBy(others(designers)), held: { test: drawnBy(designers) } };
    },
  };
}

/** Every designer held out by itself. */
export const WITHOUT_ONE = DESIGNERS.map((name) => `without ${name}`);
