import { expect } from "chai";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crossValidate, findSuspects } from "mutual-channel-loss/report";
import { parseRecipe, prepareResume, trainRecipe } from "mutual-channel-loss/train";
import { isOverfit } from "#lib/report/overfit.js";
import { rejected } from "../support/errors.js";
import { write } from "../support/image-files.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { writeRun } from "../support/write-run.js";

const folder = temporaryFolder();
const recipe = parseRecipe({
  name: "tiny",
  network: { name: "small-resnet", channelsPerClass: 2, inputSize: 32, width: 8 },
  loss: "ce",
  epochs: 15,
  batchSize: 8,
  optimizer: { type: "adamw", learningRate: 0.01 },
});
/** Images that are of another colour than their folder says. */
const EXCHANGED = [
  ["blue/0.png", "red/wrong.png"],
  ["green/1.png", "blue/wrong.png"],
  ["red/2.png", "green/wrong.png"],
] as const;

describe("findSuspects", () => {
  const photos = () => join(folder(), "photos");
  const output = () => join(folder(), "crossval");

  before(async () => {
    await writeColorFolder(photos(), 10);
    for (const [from, to] of EXCHANGED) await rename(join(photos(), from), join(photos(), to));
    await crossValidate({
      folds: 3,
      output: output(),
      train: async ({ fold, output: run, resume }) => {
        if (resume) {
          using training = await prepareResume(run);
          await training.fit();
          return;
        }
        const events = trainRecipe(recipe, { dir: photos(), fold, output: run });
        for (let next = await events.next(); ; next = await events.next()) {
          if (!next.done) continue;
          next.value.dispose();
          break;
        }
      },
    });
  });

  it("lists every image once, those with exchanged labels first, with the class that they are of", async () => {
    const [page, csv] = [join(folder(), "suspects.html"), join(folder(), "suspects.csv")];
    const steps: string[] = [];
    const found = await findSuspects(output(), {
      page,
      csv,
      shown: 5,
      onProgress: (step) => steps.push(step),
    });
    expect(found.images).to.have.length(30);
    expect(new Set(found.images.map(({ path }) => path)).size).to.equal(30);
    const first = found.images.slice(0, 3);
    expect(first.map(({ path }) => path)).to.have.members(EXCHANGED.map(([, to]) => join(photos(), to)));
    for (const { path, label, suggested, suspect } of first) {
      const [from] = EXCHANGED.find(([, to]) => path.endsWith(to))!;
      expect(suggested).to.equal(from.split("/")[0]);
      expect(path).to.contain(`/${label}/`);
      expect(suspect).to.equal(true);
    }
    expect(found.suspects).to.be.within(3, 6);
    expect(found.noise).to.be.within(0.05, 0.25);
    expect(found.notes.filter((note) => !note.includes("by heart"))).to.deep.equal([]);
    expect(steps).to.have.length(3);
    const lines = (await readFile(csv, "utf8")).trimEnd().split("\r\n");
    expect(lines).to.have.length(31);
    expect(lines[0]).to.equal("path,label,suggested,suspect,doubt,label_probability,suggested_probability");
    expect(lines[1]!.split(",").slice(0, 4)).to.deep.equal([
      ...[first[0]!.path, first[0]!.label, first[0]!.suggested, "true"],
    ]);
    const text = await readFile(page, "utf8");
    expect([...text.matchAll(/<img src="data:image\/jpeg;base64,/g)]).to.have.length(5);
    expect(text)
      .to.contain("the CSV file has the other 25 too")
      .and.not.match(/(src|href)="(?!data:)/);
  });

  it("judges of one run the images that it held out, and says so", async () => {
    const { images, notes } = await findSuspects(join(output(), "fold-1"));
    expect(images).to.have.length(10);
    expect(notes[0]).to.match(/are the images that .*fold-1 held out; after mcloss crossval all are judged/);
  });

  it("notes a model that is worse on the held-out images than it was, unless the best was kept", async () => {
    const [risen, fallen] = [join(folder(), "risen"), join(folder(), "fallen")];
    await writeRun(risen, { seed: 0, accuracies: [0.6, 0.7, 0.7], losses: [1, 0.9, 1.1] });
    await writeRun(fallen, { seed: 0, accuracies: [0.6, 0.7, 0.7], losses: [1, 0.9, 0.91] });
    expect([await isOverfit(risen), await isOverfit(fallen)]).to.deep.equal([true, false]);
    await write(join(risen, "checkpoints", "best.safetensors"), "");
    expect(await isOverfit(risen)).to.equal(false);
  });

  it("refuses a run that held out nothing, images that are others by now, and what is no run", async () => {
    const whole = join(folder(), "whole");
    const events = trainRecipe({ ...recipe, epochs: 1 }, { dir: photos(), output: whole });
    for (let next = await events.next(); !next.done; next = await events.next());
    const nothing = await rejected(findSuspects(whole));
    expect(nothing.code).to.equal("ERR_DATASET");
    expect(nothing.message).to.match(/held out no images.*run mcloss crossval/);
    await rename(join(photos(), "red/3.png"), join(photos(), "blue/mended.png"));
    const changed = await rejected(findSuspects(output()));
    expect(changed).to.include({ code: "ERR_DATASET", path: photos() });
    expect(changed.message).to.match(/other images, or other labels/);
    await writeFile(join(folder(), "text"), "");
    expect((await rejected(findSuspects(join(folder(), "text")))).code).to.equal("ERR_IO");
  });
});
