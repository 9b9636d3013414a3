import { listTests, listTrials } from "./plan.js";
import { resultsOf, type Run } from "./results.js";
import { trainUnfinished } from "../result-file.js";
import { STUDIES } from "./studies.js";
import { train } from "./train.js";

interface StudyOptions {
  seeds: readonly number[];
  /** Milliseconds of performance.now() after which no run begins. */
  deadline: number;
}

/** Tries each setting of each loss, then tests the best; goes on where it was. */
export async function runStudy(name: string, options: StudyOptions, signal: AbortSignal): Promise<void> {
  const study = STUDIES[name];
  if (!study) throw new Error(`there is no study ${name}`);
  const set = await study.open();
  const runAll = (runs: readonly Run[]) =>
    trainUnfinished(runs, {
      file: resultsOf(name),
      deadline: options.deadline,
      train: (run) => train(set, study.head, run, signal),
      describe: ({ division, loss, learningRate, epochs, seed, seconds, held }) => {
        const scores = Object.entries(held).map(
          ([part, score]) => `${part} ${(100 * score.accuracy).toFixed(1)} %`,
        );
        const what = `${division}, ${loss}, learning rate ${learningRate}, ${epochs} epochs, seed ${seed}`;
        return `${name}, ${what}: ${scores.join(", ")} in ${seconds} s`;
      },
    });
  await runAll(listTrials(study));
  const trials = resultsOf(study.tunedIn ?? name).read();
  const tests = listTests(study, trials, options.seeds);
  if (tests.length === 0)
    console.log(`${name}: not all settings have been tried in ${study.tunedIn ?? name}`);
  await runAll(tests);
}
