import { expect } from "chai";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { extract } from "tar";
import { loadModel } from "mutual-channel-loss";
import { train } from "mutual-channel-loss/train";
import { temporaryFolder } from "../support/images.js";

// Photographs and pre-trained weights that may be measured with here and are no part of the repository.
const shared = fileURLToPath(new URL("../../../shared/", import.meta.url));
const weights = join(shared, "weights", "mobilenet_v2-imagenet.safetensors");
const photographs = join(shared, "photos", "cub100.tar");

const CLASSES = [
  "American_Goldfinch",
  "Anna_Hummingbird",
  "Baltimore_Oriole",
  "Barn_Swallow",
  "American_Three_toed_Woodpecker",
];

const folder = temporaryFolder();

describe("fine-tuning MobileNetV2 from ImageNet on photographs of birds", function () {
  this.timeout(600_000);

  before(async function () {
    const missing = [weights, photographs].find((path) => !existsSync(path));
    if (missing !== undefined) {
      // Mocha prints the reason beside the skipped tests.
      this.test!.parent!.title +=
        " (skipped: the weights and photographs for measuring are not beside the repository)";
      this.skip();
    }
    await extract({
      file: photographs,
      cwd: folder(),
      filter: (path) => CLASSES.some((name) => path.includes(`/${name}/`)),
    });
  });

  for (const head of ["adapter", "backbone"] as const) {
    it(`tells five species apart after three epochs, with MC-Loss on an adapter, the classifier on the ${head}`, async () => {
      const out = join(folder(), head);
      const { accuracy, classes } = await train({
        dir: join(folder(), "cub100", "train"),
        validation: join(folder(), "cub100", "test"),
        out,
        weights,
        network: { name: "mobilenet_v2", inputSize: 96, adapter: { channelsPerClass: 4, head } },
        loss: { alpha: 0.5, beta: 0.1 },
        epochs: 3,
        batchSize: 16,
        optimizer: { type: "sgd", learningRate: 0.001, momentum: 0.9 },
        schedule: { type: "constant" },
        // Its normalisations are folded into the convolutions: with a batch's statistics it would be another network.
        unfreeze: ["*.weight", "*.bias", "adapter"].map((pattern) => ({ epoch: 0, pattern })),
      });
      expect(classes).to.have.members(CLASSES);
      // By chance 0.2.
      expect(accuracy).to.be.above(0.7);
      using model = await loadModel(out);
      expect(model.info.normalization).to.deep.equal({ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] });
      expect(model.groups?.channels).to.equal(20);
    });
  }
});
