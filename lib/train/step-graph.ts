import { mapLayers } from "../models/layers.js";
import type { Model } from "../models/model.js";
import { native, type StepGraphHandle } from "../native/binding.js";
import { Owner } from "../native/owner.js";
import type { NoticeEvent } from "./events.js";

/** The CUDA graph of a run's steps, or the reasons why there is none. */
export class StepGraph {
  readonly #owner = new Owner("StepGraph", native().createStepGraph());
  readonly #reasons: readonly string[];
  #told = false;

  /**
   * @param accumulate batches that make one update
   * @param processes how many make it
   */
  constructor(model: Model, accumulate: number, processes = 1) {
    this.#reasons = reasonsAgainst(model, accumulate, processes);
  }

  /** What the steps take of it. */
  get stepOptions(): { graph?: StepGraphHandle } {
    return this.#reasons.length === 0 ? { graph: this.#owner.handle } : {};
  }

  /** The first time that there is a reason, it; a step that could not be captured is one. */
  notices(): NoticeEvent[] {
    if (this.#told) return [];
    const refusal = native().stepGraphRefusal(this.#owner.handle);
    const reason = [...this.#reasons, refusal].filter((text) => text !== "").join("; ");
    if (reason === "") return [];
    this.#told = true;
    return [{ type: "notice", option: "cudaGraph", reason }];
  }

  /** Frees the graph and its memory. */
  dispose(): void {
    this.#owner.dispose();
  }
}

function reasonsAgainst(model: Model, accumulate: number, processes: number): string[] {
  const reasons: string[] = [];
  if (model.device === "cpu") reasons.push("the model is on the CPU");
  if (accumulate > 1) reasons.push(`the gradients of ${accumulate} batches make one update (accumulate)`);
  if (processes > 1) reasons.push(`the gradients are those of ${processes} processes`);
  if (hasTorchScript(model)) reasons.push("a TorchScript module may wait for the GPU within a step");
  return reasons;
}

function hasTorchScript({ spec }: Model): boolean {
  let found = false;
  mapLayers(spec.layers, (layer) => {
    found ||= layer.type === "torchscript";
    return layer;
  });
  return found;
}
