import type { LossOptions } from "mutual-channel-loss";
import type { DiversityOver } from "mutual-channel-loss/loss";

/** Cross-entropy alone, or MC-Loss with α 1.5 and this β. */
export type PhotosLoss = "ce" | { beta: number; over?: DiversityOver };

/** As the command line has it: "ce", "mc:20", "own:5". @throws Error for another text */
export function parsePhotosLoss(text: string): PhotosLoss {
  if (text === "ce") return text;
  const [over = "", weight = ""] = text.split(":");
  const beta = Number(weight);
  if (weight !== "" && beta >= 0) {
    if (over === "mc") return { beta };
    if (over === "own" || over === "scores") return { beta, over };
  }
  throw new Error(`--losses takes ce, mc:β, own:β and scores:β, separated by commas, not "${text}"`);
}

export function lossOptions(loss: PhotosLoss): LossOptions {
  return loss === "ce" ? loss : { beta: loss.beta, diversityOver: loss.over };
}

const OVER: Readonly<Record<DiversityOver, string>> = {
  classes: "",
  blocks: ", summed over blocks",
  own: ", own class",
  scores: ", by scores",
};

/** Tells a loss from every other. */
export function nameLoss(loss: PhotosLoss): string {
  return loss === "ce" ? "CE" : `MC, β ${loss.beta}${OVER[loss.over ?? "classes"]}`;
}
