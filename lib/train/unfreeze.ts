import { invalidArgument } from "../errors.js";
import type { Model } from "../models/model.js";
import { matches, select, type NamePattern } from "../models/names.js";
import { shown } from "../shown.js";

/** From an epoch on, what `pattern` names is trained. */
export interface UnfreezeRule {
  /** Epochs that are done by then: 0 is from the start. */
  epoch: number;
  /** Names of parameters and buffers; see {@link Model.freeze}. */
  pattern: NamePattern;
}

/** @throws McLossError ERR_ARGUMENT naming the rule that can do nothing */
export function checkUnfreezing(model: Model, rules: readonly UnfreezeRule[], epochs: number): void {
  rules.forEach(({ epoch, pattern }, index) => {
    const inRun = Number.isSafeInteger(epoch) && epoch >= 0 && epoch < epochs;
    if (!inRun) {
      const text = `must be an integer from 0 to ${epochs - 1}, as there are ${epochs} epochs, got ${shown(epoch)}`;
      throw invalidArgument(`unfreeze[${index}].epoch`, text);
    }
    select(model.state(), pattern, `unfreeze[${index}].pattern`);
  });
  const first = rules.filter(({ epoch }) => epoch === 0);
  const parameters = model.state().filter(({ trainable }) => trainable);
  if (parameters.some(({ name }) => first.some(({ pattern }) => matches(pattern, name)))) return;
  throw invalidArgument("unfreeze", "must name a parameter at epoch 0: otherwise nothing is trained then");
}

/** Freezes what no rule has reached after `epochs`, and that alone. */
export function applyUnfreezing(model: Model, rules: readonly UnfreezeRule[], epochs: number): void {
  model.freeze();
  for (const { epoch, pattern } of rules) {
    if (epoch <= epochs) model.unfreeze(pattern);
  }
}
