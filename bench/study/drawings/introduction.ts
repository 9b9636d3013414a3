import { STUDIES } from "./studies.js";
import { SIGNIFICANT } from "../difference.js";

export const INTRODUCTION = `# Does MC-Loss help?

Written by \`npm run study -- report\` from \`bench/results/study-*.jsonl\`: a line for each run, with its setting, scores,
seconds and versions.

The network, first weights, images and batches of a seed are the same for both losses: \`smallResNet\` from scratch, SGD
with Nesterov momentum 0.9 and weight decay 5e-4, cosine after 3 warm-up epochs, batch 32, float32, one thread. For each
loss every learning rate and number of epochs of one grid is tried once, with a seed of its own, on images that are never
tested. The best is trained anew with the test's seeds and evaluated after the last epoch. Both losses have as many
trials: MC-Loss has α 1.5 and β 10 throughout, the demo's weights. These were found earlier, by looking at emoji split A's
test among others, so that split flatters MC-Loss; the others do not. p is two-sided, of Student's paired t-test over the
seeds, not corrected for the number of comparisons; "no difference shown" means a p of ${SIGNIFICANT} or more.

- **Emoji faces**: the demo's 85 faces by 8 designers, 64 pixels. Test designers are never trained on. Split A tests on
  twemoji and fluent-emoji-flat, split B on noto and emojione, 170 images each. The settings of either are chosen by the
  other's test designers, with training on the four designers that test neither. Where each designer is held out by
  itself, the test is over the eight designers' means of the seeds. Their trainings share most images and are not
  independent, so that p flatters.
- **Tops**: T-shirt, pullover, dress, coat and shirt of Fashion-MNIST (Debian's package \`dataset-fashion-mnist\`), 56
  pixels: 300 training images a class, settings chosen by the 400 training images a class that come next, all 5000 test
  images. "All training images" are 6000 a class, the last 400 of which choose the settings and are trained on for the
  test.
- **Professions**: 16 professions by 4 designers, 72 drawings each, 64 pixels. The test is fluent-emoji-flat; settings are
  chosen by twemoji, with training on noto and openmoji.

Each study goes on where it was stopped:

\`\`\`sh
${Object.keys(STUDIES)
  .map((name) => `npm run study -- ${name}`)
  .join("\n")}
\`\`\`
`;
