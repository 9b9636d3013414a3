import * as root from "mutual-channel-loss";
import * as data from "mutual-channel-loss/data";
import * as loss from "mutual-channel-loss/loss";
import * as models from "mutual-channel-loss/models";
import * as report from "mutual-channel-loss/report";
import * as setup from "mutual-channel-loss/setup";
import * as tensor from "mutual-channel-loss/tensor";
import * as train from "mutual-channel-loss/train";
import * as visualize from "mutual-channel-loss/visualize";

/** What each subpath gives. */
export const subpaths: Record<string, Record<string, unknown>> = {
  data,
  loss,
  models,
  report,
  setup,
  tensor,
  train,
  visualize,
};

export { root };

/** Whether it is made with `new`. */
export function isClass(value: unknown): boolean {
  return typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value));
}
