import { LOSSES, RATES, chooseRate } from "./plan.js";
import { FINE_TUNINGS, type FineTuned, type FineTuningResult } from "./results.js";
import { mean, percent } from "../page-text.js";

const NAMES: Readonly<Record<FineTuned, string>> = {
  ce: "CE",
  mc: "MC-Loss on an adapter, α 1.5, β 1",
};

/** What was measured of fine-tuning, in Markdown; nothing where nothing was. */
export function describeFineTuning(): string[] {
  const results = FINE_TUNINGS.read();
  if (results.length === 0) return [];
  const trials = LOSSES.map((loss) => {
    const tried = RATES.map((rate) => {
      const trial = results.find(
        (each) => each.stage === "trial" && each.loss === loss && each.learningRate === rate,
      );
      return `${rate}: ${trial ? `${percent(trial.accuracy)} %` : "not run"}`;
    });
    return `- ${NAMES[loss]}: ${tried.join(", ")}; chosen ${chooseRate(results, loss) ?? "none yet"}`;
  });
  const tests = LOSSES.flatMap((loss) => tabulate(results, loss));
  return [TEXT, "", ...trials, "", ...(tests.length === 0 ? [NO_TEST, ""] : [HEAD, RULE, ...tests, ""])];
}

const TEXT = `## Fine-tuning from ImageNet

Written from \`bench/results/finetune.jsonl\`; \`npm run study -- finetune --images DIR --weights FILE\` goes on with it. MobileNetV2
at 224 pixels on *cub50*, the first 50 classes of CUB-200-2011, uncropped, by the published split (1,500 and 1,389 images). The weights are
Google's 8-bit Coral model of ImageNet as float32, whose normalisations are folded into the convolutions and so keep their statistics. SGD with
Nesterov momentum 0.9 and weight decay 1e-4, batch 16, random crops of 224 from a shorter side of 256, flips, cosine after one epoch of warm-up;
new layers have ten times the rate. With MC-Loss an adapter of 3 channels a class lies beside the classifier, which reads the backbone in both. The
rate is searched for each loss on half of the training images and judged by another fifth of them: 3 epochs of all but the first four blocks, and a seed of
its own. A test is 5 epochs on all training images, the first of the new layers alone and the others of all but the first seven blocks; the test images
are measured once, after the last epoch. *groups alone* and *pointing* of CE are those of the backbone's 1,280 channels divided among the classes, which
nothing has taught; *CAM* is the class activation map. A ridge regression on the frozen features reached 70.1 %.

Accuracy of the trials by learning rate:`;

const NO_TEST = "No test has been run yet.";
const HEAD = "| loss | seeds | accuracy, % | groups alone, % | pointing, % | pointing of CAM, % |";
const RULE = "| - | -: | -: | -: | -: | -: |";

function tabulate(results: readonly FineTuningResult[], loss: FineTuned): string[] {
  const runs = results.filter((each) => each.stage === "test" && each.loss === loss);
  if (runs.length === 0) return [];
  const figures = [
    runs.map(({ accuracy }) => accuracy),
    runs.map(({ groupAccuracy }) => groupAccuracy),
    runs.map(({ pointing = NaN }) => pointing),
    runs.map(({ camPointing = NaN }) => camPointing),
  ];
  const cells = figures.map((shares) => `${percent(mean(shares))} (${shares.map(percent).join(", ")})`);
  return [`| ${[NAMES[loss], runs.length, ...cells].join(" | ")} |`];
}
