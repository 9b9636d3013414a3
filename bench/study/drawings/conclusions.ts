import { signed, summarize, verdict } from "../difference.js";
import { readArm, subtract, type Arm } from "./comparison.js";
import { LOSS_LABELS, type LossName } from "./losses.js";
import { STUDIES, type Study, type Tested } from "./studies.js";

/** A plain sentence for each comparison of CE with MC-Loss that has been run. */
export function conclude(name: string, study: Study): string[] {
  const differences = study.tested.flatMap((tested) => {
    const [ce, mc] = (["ce", "mc"] as const).map((loss) => readArm(name, study, loss, tested));
    const difference = ce && mc && subtract(mc, ce);
    return difference ? [{ division: tested.division, difference }] : [];
  });
  if (differences.length === 0) return [];
  if (study.tunedIn !== undefined) {
    const over = summarize(differences.map(({ difference }) => difference.mean));
    return [`${study.title}: ${verdict(over, "designers")}`];
  }
  return differences.map(({ division, difference }) => {
    const where = division === "test" ? study.title : `${study.title}, split ${division}`;
    return `${where}: ${verdict(difference, "seeds")}`;
  });
}

/** What is left of MC-Loss against the whole of it; nothing where the study is no ablation. */
export function concludeAblations(name: string, study: Study): string[] {
  if (study.losses.includes("ce")) return [];
  return study.tested.flatMap((tested) => {
    const [, whole] = readWhole(study, tested);
    return study.losses.flatMap((loss) => {
      const arm = readArm(name, study, loss, tested);
      const difference = whole && arm && subtract(arm, whole);
      if (!difference) return [];
      return [
        `Split ${tested.division}, ${LOSS_LABELS[loss]}: ${signed(difference)} points against the whole MC-Loss`,
      ];
    });
  });
}

/** CE and MC-Loss of the study that chose the settings. */
export function readWhole({ tunedIn = "" }: Study, { division }: Tested): Arm[] {
  const study = STUDIES[tunedIn];
  const tested = study?.tested.find((other) => other.division === division);
  if (!study || !tested) return [];
  return (["ce", "mc"] as const).flatMap((loss) => readArm(tunedIn, study, loss, tested) ?? []);
}

/** Where each loss takes the head of its better trial. */
export function concludeStrongest(): string[] {
  return ["emoji", "tops", "professions"].flatMap((set) =>
    (STUDIES[`${set}-avg`]?.tested ?? []).flatMap((tested) => {
      const [ce, mc] = [strongest(set, "ce", tested), strongest(set, "mc", tested)];
      const difference = ce && mc && subtract(mc, ce);
      if (!difference) return [];
      const where = tested.division === "test" ? set : `${set}, split ${tested.division}`;
      const heads = `CE with ${headOf(ce)} pooling, MC-Loss with ${headOf(mc)} pooling`;
      return [`The head chosen as well, ${where} (${heads}): ${verdict(difference, "seeds")}`];
    }),
  );
}

/** Undefined until both heads have been tested. */
function strongest(set: string, loss: LossName, tested: Tested): Arm | undefined {
  const arms = [`${set}-avg`, `${set}-max`].map((name) => {
    const study = STUDIES[name];
    return study && readArm(name, study, loss, tested);
  });
  const [average, max] = arms;
  if (!average || !max) return undefined;
  return max.tuned > average.tuned ? max : average;
}

function headOf({ tests }: Arm): string {
  const [first] = tests.values();
  return first?.head ?? "";
}
