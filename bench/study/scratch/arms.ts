import { ABLATIONS } from "#lib/compare/ablate.js";
import type { Patch } from "#lib/recipes/patch.js";

/** One of what is compared. */
export interface Arm {
  /** In few words. */
  title: string;
  /** How it differs from the recipe with MC-Loss. */
  patch: Patch;
}

/** Of which rates are searched. */
export const COMPARED = {
  ce: {
    title: "CE, torchvision's network",
    patch: { loss: "ce", network: { channelsPerClass: null } },
  },
  "ce-widened": { title: "CE, the network of MC-Loss", patch: { loss: "ce" } },
  mc: { title: "MC-Loss, α 1.5, β 20", patch: {} },
} as const satisfies Record<string, Arm>;

/** With the rate of MC-Loss: its parts, and its weights over a decade each way. */
export const ABLATED = {
  "no-cwa": { title: "without channel-wise attention", patch: { loss: ABLATIONS["no-cwa"] } },
  ccap: { title: "mean for max over a class's channels (CCAP)", patch: { loss: ABLATIONS.ccap } },
  "no-diversity": { title: "without diversity, β 0", patch: { loss: ABLATIONS["no-diversity"] } },
  "no-discriminality": {
    title: "without discriminality, α 0",
    patch: { loss: ABLATIONS["no-discriminality"] },
  },
  "alpha-0.15": { title: "α 0.15", patch: { loss: { alpha: 0.15 } } },
  "alpha-0.5": { title: "α 0.5", patch: { loss: { alpha: 0.5 } } },
  "alpha-5": { title: "α 5", patch: { loss: { alpha: 5 } } },
  "alpha-15": { title: "α 15", patch: { loss: { alpha: 15 } } },
  "beta-1": { title: "MC-Loss, α 1.5, β 1", patch: { loss: { beta: 1 } } },
  "beta-2": { title: "β 2", patch: { loss: { beta: 2 } } },
  "beta-6": { title: "β 6", patch: { loss: { beta: 6 } } },
  "beta-60": { title: "β 60", patch: { loss: { beta: 60 } } },
  "beta-200": { title: "β 200", patch: { loss: { beta: 200 } } },
} as const satisfies Record<string, Arm>;

const ARMS = { ...COMPARED, ...ABLATED };

export type ArmName = keyof typeof ARMS;

export const ARM_NAMES = Object.keys(ARMS) as ArmName[];

export function armOf(name: ArmName): Arm {
  return ARMS[name];
}
