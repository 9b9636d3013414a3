import { invalidArgument } from "../errors.js";

interface WarmUp {
  /** Epochs over which the rate grows linearly from near 0. Default 0. */
  warmupEpochs?: number;
}

/** How the learning rate changes over a run, as plain data. */
export type Schedule =
  | ({ type: "constant" } & WarmUp)
  /** Half a cosine from the full rate to 0 (torch.optim.lr_scheduler.CosineAnnealingLR), after the warm-up. */
  | ({ type: "cosine" } & WarmUp)
  /** Multiplied by `gamma` (default 0.1) at each milestone, in epochs (torch.optim.lr_scheduler.MultiStepLR). */
  | ({ type: "multiStep"; milestones: readonly number[]; gamma?: number } & WarmUp);

/** Throws ERR_ARGUMENT when a schedule does not fit a run of `epochs`. */
export function checkSchedule(schedule: Schedule, epochs: number): void {
  const warmup = schedule.warmupEpochs ?? 0;
  if (!(warmup >= 0 && warmup < epochs)) {
    throw invalidArgument(
      "schedule.warmupEpochs",
      `must be from 0 to less than ${epochs} epochs, got ${warmup}`,
    );
  }
  if (schedule.type !== "multiStep") return;
  if (!schedule.milestones.every((milestone, i, all) => milestone > (all[i - 1] ?? 0))) {
    throw invalidArgument(
      "schedule.milestones",
      `must be positive and increasing, got ${schedule.milestones.join()}`,
    );
  }
}

/**
 * What the base learning rate is multiplied by.
 * @param epoch how much of the run is done, in epochs; fractions count
 */
export function learningRateFactor(schedule: Schedule, epoch: number, epochs: number): number {
  const warmup = schedule.warmupEpochs ?? 0;
  return Math.min(1, warmup > 0 ? epoch / warmup : 1) * decay(schedule, epoch, epochs, warmup);
}

function decay(schedule: Schedule, epoch: number, epochs: number, warmup: number): number {
  switch (schedule.type) {
    case "constant":
      return 1;
    case "cosine":
      return (1 + Math.cos(Math.PI * Math.min(1, Math.max(0, epoch - warmup) / (epochs - warmup)))) / 2;
    case "multiStep":
      return (schedule.gamma ?? 0.1) ** schedule.milestones.filter((milestone) => epoch >= milestone).length;
  }
}
