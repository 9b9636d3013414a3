import type { LossOptions } from "mutual-channel-loss";
import type { DiversityOver } from "mutual-channel-loss/loss";

/** Cross-entropy alone, or MC-Loss with α 1.5 and this β. */
export type PhotosLoss =
  | "ce"
  | {
      beta: number;
      over?: DiversityOver;
      /** Epochs in which β rises. */
      warmup?: number;
      /** Whether it is of the features before the last ReLU, rather than after it. */
      beforeReLU?: true;
    };

const MC_LOSS = /^(mc|own|scores):([0-9.]+)(?::warm([0-9.]+))?(:raw)?$/;

/**
 * As the command line has it: "ce", "mc:20", "own:5", "mc:20:warm10" with ten epochs of warm-up of β, "mc:20:raw" before the last
 * ReLU. @throws Error for another text
 */
export function parsePhotosLoss(text: string): PhotosLoss {
  if (text === "ce") return text;
  const [whole, over = "", weight, warmup, raw] = MC_LOSS.exec(text) ?? [];
  const [beta, epochs] = [Number(weight), Number(warmup ?? 0)];
  if (whole === undefined || !Number.isFinite(beta) || !Number.isFinite(epochs)) {
    throw new Error(
      `It takes ce, mc:β, own:β and scores:β, each with :warmEPOCHS and :raw, separated by commas, not "${text}".`,
    );
  }
  return {
    beta,
    over: over === "mc" ? undefined : (over as DiversityOver),
    warmup: warmup === undefined ? undefined : epochs,
    beforeReLU: raw === undefined ? undefined : true,
  };
}

export function lossOptions(loss: PhotosLoss): LossOptions {
  if (loss === "ce") return loss;
  return { beta: loss.beta, diversityOver: loss.over, betaWarmupEpochs: loss.warmup };
}

const OVER: Readonly<Record<DiversityOver, string>> = {
  classes: "",
  blocks: ", summed over blocks",
  own: ", own class",
  scores: ", by scores",
};

/** Tells a loss from every other. */
export function nameLoss(loss: PhotosLoss): string {
  if (loss === "ce") return "CE";
  const warmup = loss.warmup === undefined ? "" : `, warmed up for ${loss.warmup} epochs`;
  return `MC, β ${loss.beta}${OVER[loss.over ?? "classes"]}${warmup}${loss.beforeReLU ? ", before the ReLU" : ""}`;
}
