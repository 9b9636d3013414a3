import type { DataLoader } from "../loader/data-loader.js";
import { checkRecord } from "../check-argument.js";
import { invalidArgument } from "../errors.js";
import type { Model } from "../models/model.js";
import { isSameDevice } from "../native/dtype.js";

/** @throws McLossError ERR_ARGUMENT where the batches are not where the model is */
export function checkSameDevice(model: Model, loader: DataLoader): void {
  checkRecord("loader", loader, "a DataLoader");
  const { device } = model;
  if (isSameDevice(device, loader.device)) return;
  const problem = `makes batches on ${loader.device}, but the model is on ${device}: give one the other's device`;
  throw invalidArgument("loader", problem);
}
