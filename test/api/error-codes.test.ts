import { expect } from "chai";
import { join } from "node:path";
import {
  Classifier,
  ImageFolder,
  loadModel,
  openDataset,
  predict,
  smallResNet,
  train,
} from "mutual-channel-loss";
import {
  manifest,
  normalize,
  openEvaluationSet,
  prepareDataset,
  verifyDataset,
} from "mutual-channel-loss/data";
import { loadWeights, type Model } from "mutual-channel-loss/models";
import { compareRuns, writeReport } from "mutual-channel-loss/report";
import { loadStateDict, openSafetensors } from "mutual-channel-loss/tensor";
import { loadRecipe, prepareResume } from "mutual-channel-loss/train";
import { renderImageSheet } from "mutual-channel-loss/visualize";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";

/** What is given a path, by what the path should lead to: the code is that of the thing, not of the function. */
const READERS: Record<
  string,
  { code: string; readers: Record<string, (path: string, model: Model) => unknown> }
> = {
  weights: {
    code: "ERR_CHECKPOINT",
    readers: {
      loadModel: (path) => loadModel(path),
      loadStateDict: (path) => loadStateDict(path),
      openSafetensors: (path) => openSafetensors(path),
      loadWeights: (path, model) => loadWeights(model, path),
      "model.load": (path, model) => model.load(path),
    },
  },
  image: {
    code: "ERR_IMAGE",
    readers: {
      "model.predict": (path, model) => model.predict(path),
      "Classifier.predict": (path, model) => new Classifier(model).predict(path),
      predict: async (path, model) => {
        for await (const { path: named } of predict(model, [path])) expect(named).to.be.empty;
      },
      renderImageSheet: (path, model) => renderImageSheet(model, path),
    },
  },
  "data set": {
    code: "ERR_DATASET",
    readers: {
      "ImageFolder.open": (path) => ImageFolder.open(path),
      openDataset: (path) => openDataset(path),
      openEvaluationSet: (path) => openEvaluationSet({ dir: path }),
      verifyDataset: (path) => verifyDataset(path),
      manifest: (path) => manifest(path),
      prepareDataset: (path) => prepareDataset([path]),
      "train({ dir })": (path) => train({ dir: path, out: "runs" }),
    },
  },
  run: {
    code: "ERR_IO",
    readers: {
      compareRuns: (path) => compareRuns([path]),
      writeReport: (path) => writeReport([path], "report.html"),
      prepareResume: (path) => prepareResume(path),
    },
  },
  recipe: {
    code: "ERR_IO",
    readers: {
      loadRecipe: (path) => loadRecipe(`${path}.json`),
      "train({ recipe })": (path) => train({ dir: "photos", out: "runs", recipe: `${path}.yaml` }),
    },
  },
};

describe("what is not there has one code, whoever looks for it:", () => {
  const folder = temporaryFolder();

  for (const [what, { code, readers }] of Object.entries(READERS)) {
    for (const [name, read] of Object.entries(readers)) {
      it(`${what}, for ${name}`, async () => {
        const info = { classNames: ["a", "b"], normalization: normalize() };
        using model = smallResNet({ classes: 2, inputSize: 32, width: 8, info });
        const path = join(folder(), "absent");
        const error = await rejected(Promise.resolve().then(() => read(path, model)));
        expect(error.code, error.message).to.equal(code);
        expect(error.message).to.contain("absent");
      });
    }
  }
});
