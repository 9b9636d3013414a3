import { McLossError } from "../errors.js";
import type { Model } from "../models/model.js";
import { checkSameClasses, compareNames, type Labelled } from "../models/same-classes.js";

/**
 * Sees to it that what is trained on, what it is measured on and the model have the same classes.
 * @throws McLossError ERR_ARGUMENT naming a class that is another, and ERR_DATASET where there is one class alone to train on
 */
export function checkTrainingClasses(model: Model, train: Labelled, validation: Labelled | undefined): void {
  if (train.classes && train.classes.length < 2) {
    const text = `train has images of one class alone, "${train.classes[0] ?? ""}": a classifier tells two or more apart`;
    throw new McLossError("ERR_DATASET", text, { argument: "train" });
  }
  checkSameClasses(model, train, "train");
  if (!validation) return;
  checkSameClasses(model, validation, "validation");
  if (!train.classes || !validation.classes) return;
  compareNames("validation", validation.classes, train.classes, "train", "train.classes");
}
