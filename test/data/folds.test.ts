import { expect } from "chai";
import { ListDataset } from "mutual-channel-loss/data";
import { takeFold } from "#lib/data/folds.js";
import type { TrainingSets } from "#lib/data/training-sets.js";
import { caught } from "../support/errors.js";

const CLASSES = ["a", "b", "c"];
/** So many images of each class. */
const COUNTS = [7, 10, 3];

const samples = COUNTS.flatMap((count, label) =>
  Array.from({ length: count }, (_, i) => ({ path: `${CLASSES[label]}/${i}.png`, label })),
);
const sets: TrainingSets = {
  images: new ListDataset(CLASSES, samples),
  source: { kind: "folder", root: "photos" },
  chooses: false,
  notes: [],
};

const pathsOf = ({ samples: some }: { samples: readonly { path: string }[] }) => some.map(({ path }) => path);

describe("takeFold", () => {
  it("holds out each image once, the classes shared out evenly, and trains on the others", () => {
    const folds = [1, 2, 3].map((number) => takeFold(sets, { number, of: 3, seed: 5 }));
    const heldOut = folds.flatMap((fold) => pathsOf(fold.heldOut!));
    expect(heldOut).to.have.members(pathsOf(sets.images));
    for (const { images, heldOut: part, chooses } of folds) {
      expect([...pathsOf(images), ...pathsOf(part!)]).to.have.members(pathsOf(sets.images));
      expect(part!.length).to.be.within(6, 7);
      for (const [label, count] of COUNTS.entries()) {
        const own = part!.samples.filter((sample) => sample.label === label).length;
        expect(own).to.be.within(Math.floor(count / 3), Math.ceil(count / 3));
      }
      expect(chooses).to.equal(false);
    }
  });

  it("depends on the seed alone", () => {
    const first = (seed: number) => pathsOf(takeFold(sets, { number: 1, of: 4, seed }).heldOut!);
    expect(first(1)).to.deep.equal(first(1));
    expect(first(1)).to.not.deep.equal(first(2));
  });

  it("divides a validation part of the same set too, and leaves a test part alone", () => {
    const heldOut = new ListDataset(CLASSES, [{ path: "val/a.png", label: 0 }]) as TrainingSets["images"];
    const all = (more: Partial<TrainingSets>) => {
      const { images, heldOut: part } = takeFold({ ...sets, ...more }, { number: 1, of: 2, seed: 0 });
      return images.length + part!.length;
    };
    expect(all({ heldOut, chooses: true })).to.equal(21);
    expect(all({ heldOut, chooses: false })).to.equal(20);
  });

  it("refuses more parts than there are images", () => {
    const error = caught(() => takeFold(sets, { number: 1, of: 21, seed: 0 }));
    expect(error).to.include({ code: "ERR_ARGUMENT", argument: "folds" });
  });
});
