import { expect } from "chai";
import fc from "fast-check";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { McLossError, openDataset } from "mutual-channel-loss";
import { readDataset } from "#lib/data/open-dataset.js";
import { readMatFile } from "#lib/data/sets/mat-file.js";
import { temporaryFolder } from "../support/images.js";
import { copyFixture, fixture } from "../support/datasets.js";

const folder = temporaryFolder();

/** Bounded and the same in every run; raise `numRuns` to search on. */
const RUNS = { seed: 20_200_264, numRuns: 60, endOnFailure: true } as const;

const PLACE = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

/** Changes to a file's bytes: some of its own repeated elsewhere, others put in, some cut out. */
const MUTATIONS = fc.array(
  fc.oneof(
    fc.record({
      type: fc.constant("put" as const),
      at: PLACE,
      bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
    }),
    fc.record({ type: fc.constant("insert" as const), at: PLACE, bytes: nastyBytes() }),
    fc.record({ type: fc.constant("cut" as const), at: PLACE, length: fc.nat({ max: 200 }) }),
    fc.record({ type: fc.constant("repeat" as const), at: PLACE, length: fc.nat({ max: 200 }), to: PLACE }),
    fc.record({ type: fc.constant("end" as const), at: PLACE }),
  ),
  { minLength: 1, maxLength: 4 },
);

type Mutation = typeof MUTATIONS extends fc.Arbitrary<(infer One)[]> ? One : never;

function nastyBytes(): fc.Arbitrary<Uint8Array> {
  const texts = [
    "\n",
    "\r",
    "\0",
    " ",
    '"',
    ",",
    "-1 ",
    "1e999 ",
    "../",
    "/",
    "{",
    "[[[[",
    "\ufeff",
    "9".repeat(40),
  ];
  return fc.constantFrom(...texts).map((text) => Buffer.from(text));
}

function mutate(bytes: Uint8Array, mutations: readonly Mutation[]): Buffer {
  let result = Buffer.from(bytes);
  for (const mutation of mutations) {
    const at = Math.floor(mutation.at * result.length);
    const [before, after] = [result.subarray(0, at), result.subarray(at)];
    if (mutation.type === "put") {
      result = Buffer.concat([before, mutation.bytes, after.subarray(mutation.bytes.length)]);
    } else if (mutation.type === "insert") result = Buffer.concat([before, mutation.bytes, after]);
    else if (mutation.type === "cut") result = Buffer.concat([before, after.subarray(mutation.length)]);
    else if (mutation.type === "end") result = Buffer.from(before);
    else {
      const to = Math.floor(mutation.to * result.length);
      const copied = after.subarray(0, mutation.length);
      result = Buffer.concat([result.subarray(0, to), copied, result.subarray(to)]);
    }
  }
  return result;
}

/** Whether `promise` ends as it may: in a result, or in an error of this package. */
async function endsWell(promise: Promise<unknown>): Promise<void> {
  await promise.catch((error: unknown) => {
    expect(error).to.be.instanceOf(McLossError);
    expect(error).to.have.property("code", "ERR_DATASET");
  });
}

const FILES: readonly [set: string, file: string][] = [
  ["CUB_200_2011", "images.txt"],
  ["CUB_200_2011", "image_class_labels.txt"],
  ["CUB_200_2011", "train_test_split.txt"],
  ["CUB_200_2011", "classes.txt"],
  ["CUB_200_2011", "bounding_boxes.txt"],
  ["fgvc-aircraft-2013b", "data/images_variant_train.txt"],
  ["fgvc-aircraft-2013b", "data/variants.txt"],
  ["fgvc-aircraft-2013b", "data/images_box.txt"],
  ["stanford_cars", "devkit/cars_train_annos.mat"],
  ["stanford_cars_whole", "cars_annos.mat"],
  ["flowers-102", "setid.mat"],
  ["flowers-102", "imagelabels.mat"],
  ["manifest", "birds.csv"],
  ["manifest", "birds.jsonl"],
];

describe("mutated annotation files", () => {
  for (const [set, file] of FILES) {
    it(`open or are refused: ${set}/${file}`, async () => {
      const root = await copyFixture(set, folder());
      const path = join(root, file);
      const bytes = await readFile(path);
      const dir = set === "manifest" ? path : root;
      const property = fc.asyncProperty(MUTATIONS, async (mutations) => {
        await writeFile(path, mutate(bytes, mutations));
        await endsWell(openDataset(dir, { allowPartial: true }));
        // As `mcloss data verify` reads it: problems are collected, and reading goes on.
        await endsWell(readDataset(dir, () => undefined));
      });
      await fc.assert(property, RUNS);
    });
  }

  for (const name of ["plain", "compressed"]) {
    it(`are read or refused: mat/${name}.mat`, async () => {
      const bytes = await readFile(fixture(`mat/${name}.mat`));
      const path = join(folder(), `${name}.mat`);
      const property = fc.asyncProperty(MUTATIONS, async (mutations) => {
        await writeFile(path, mutate(bytes, mutations));
        await endsWell(readMatFile(path));
      });
      await fc.assert(property, { ...RUNS, numRuns: 400 });
    });
  }
});
