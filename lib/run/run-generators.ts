import type { Model } from "../models/model.js";
import { native, type GeneratorHandle } from "../native/binding.js";
import { tensor } from "../tensor/creation.js";
import { Tensor } from "../tensor/tensor.js";

/** What draws in a run. */
export interface Drawing {
  model: Model;
  /** Draws the channel masks; null without MC-Loss. */
  masks: GeneratorHandle | null;
}

/** The states of a process's generators, in base64, by name. */
export type GeneratorStates = Readonly<Record<string, string>>;

/** The generators that a run draws from, by name; LibTorch's own are those that dropout draws from. */
export function runGenerators({ model, masks }: Drawing): Record<string, GeneratorHandle> {
  return {
    global: native().defaultGenerator("cpu"),
    ...(model.device === "cpu" ? {} : { device: native().defaultGenerator(model.device) }),
    ...(masks ? { masks } : {}),
  };
}

/** Where they are, to be told to other processes. */
export async function generatorStates(drawing: Drawing): Promise<GeneratorStates> {
  const states = Object.entries(runGenerators(drawing)).map(async ([name, generator]) => {
    using state = new Tensor(native().generatorState(generator));
    return [name, Buffer.from((await state.data()) as Uint8Array).toString("base64")];
  });
  return Object.fromEntries(await Promise.all(states)) as GeneratorStates;
}

/** Lets them go on where `states` were taken. */
export function restoreGenerators(drawing: Drawing, states: GeneratorStates): void {
  for (const [name, generator] of Object.entries(runGenerators(drawing))) {
    if (states[name] === undefined) continue;
    using state = stateTensor(states[name]);
    native().restoreGenerator(generator, state.handle);
  }
}

/** uint8 [bytes] */
export function stateTensor(state: string): Tensor {
  return tensor(Uint8Array.from(Buffer.from(state, "base64")));
}
