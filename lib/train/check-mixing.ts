import { invalidArgument } from "../errors.js";
import { addedTerms, losses, type CompleteLoss } from "./losses.js";
import { classificationLosses } from "./losses/classification.js";
import type { LossDefinition } from "./losses/definition.js";

/** @throws McLossError ERR_ARGUMENT where a part of the loss needs one class for each image */
export function checkMixable(loss: CompleteLoss): void {
  const parts: LossDefinition[] = [losses.get(loss.type)];
  if (loss.type === "mc") parts.push(classificationLosses.get(loss.classification.type));
  for (const [name, term] of Object.entries<LossDefinition>(addedTerms)) if (name in loss) parts.push(term);
  const needy = parts.find(({ takesMixtures }) => !takesMixtures);
  if (!needy) return;
  const text = `cannot be together with the loss "${needy.name}", which needs one class for each image`;
  throw invalidArgument("mix", text);
}
