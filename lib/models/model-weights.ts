import type { StateFile } from "../io/checkpoint-file.js";
import { abortable, type AbortOptions } from "../native/abortable.js";
import { native, type ModelHandle } from "../native/binding.js";
import { Owner } from "../native/owner.js";
import { heldTensors } from "../tensor/held-tensors.js";
import { Tensor } from "../tensor/tensor.js";
import {
  compareStates,
  loadState,
  pairStates,
  requireSame,
  type StateDifference,
  type StateEntry,
} from "./load-state.js";
import { select, type NamePattern } from "./names.js";
import type { ModelSpec } from "./spec.js";

/**
 * The parameters and buffers of a network. They come to be, from a seed, when they are first needed; those who share them
 * hold them until each has let go.
 */
export class ModelWeights {
  readonly #spec: ModelSpec;
  readonly #owner: Owner<ModelHandle>;
  #seed: number | undefined;
  #state: { handle: ModelHandle; entries: StateEntry[] } | undefined;

  /** @param shared those of a network of the same spec, to hold them too */
  constructor(spec: ModelSpec, seed?: number, shared?: ModelWeights) {
    this.#spec = spec;
    this.#seed = seed;
    this.#owner = new Owner(
      "model",
      shared ? shared.#owner : () => native().createModel(spec, this.#seed ?? 0),
    );
  }

  /** @throws McLossError ERR_DISPOSED after dispose() */
  get handle(): ModelHandle {
    return this.#owner.handle;
  }

  /** The same, held once more. */
  share(): ModelWeights {
    return new ModelWeights(this.#spec, this.#seed, this);
  }

  /** Makes them at once, on the native thread. */
  async make(): Promise<void> {
    this.#owner.replace(await native().createModelInTurn(this.#spec, this.#seed ?? 0));
  }

  /** They come from `seed`, where none was given and none of them were needed before. */
  seedWith(seed: number): void {
    if (!this.#owner.made) this.#seed ??= seed;
  }

  /** Every one; the tensors share their memory. */
  entries(): readonly StateEntry[] {
    const { handle } = this;
    if (this.#state?.handle !== handle) {
      this.#state = { handle, entries: heldTensors(native().modelState(handle)) };
    }
    return this.#state.entries;
  }

  /** The parameters. */
  parameters(): StateEntry[] {
    return this.entries().filter(({ trainable }) => trainable);
  }

  /** Copies of the parameters' gradients by name. */
  async gradients(signal: AbortSignal | undefined): Promise<Record<string, Tensor | null>> {
    const entries = this.entries();
    const handles = await abortable(signal, "gradients()", (binding) => binding.modelGradients(this.handle));
    const gradients = handles.map((handle) => handle && new Tensor(handle));
    const named = entries.flatMap(({ name, trainable }, i) =>
      trainable ? [[name, gradients[i] ?? null]] : [],
    );
    return Object.fromEntries(named) as Record<string, Tensor | null>;
  }

  /** @throws McLossError ERR_ARGUMENT where `pattern` names nothing */
  setFrozen(pattern: NamePattern, frozen: boolean): void {
    const entries = this.entries();
    const chosen = new Set(select(entries, pattern, "pattern"));
    const positions = [...entries.keys()].filter((position) => chosen.has(entries[position] as StateEntry));
    native().freeze(this.handle, positions, frozen);
  }

  /** Copies tensors into them by name. @param strict whether names and shapes must be the same, or nothing is copied */
  copyFrom(state: Readonly<Record<string, Tensor>>, strict: boolean): StateDifference {
    // Those that were not needed before and that are all overwritten need no values first.
    const unseeded = strict && this.#makeWithoutValues();
    try {
      return loadState(this.entries(), state, strict);
    } catch (error) {
      if (unseeded) this.#owner.replace(undefined);
      throw error;
    }
  }

  /** Reads them by name, straight into the memory that they have. @param strict as of {@link copyFrom} */
  async readFrom(
    { file, tensors }: StateFile,
    strict: boolean,
    { signal }: AbortOptions = {},
  ): Promise<StateDifference> {
    const unseeded = this.#makeWithoutValues();
    try {
      const difference = compareStates(this.entries(), tensors);
      if (strict) requireSame(difference, file.path);
      const complete = difference.missing.length + difference.mismatched.length === 0;
      if (unseeded && !complete) this.#owner.replace(undefined);
      const pairs = pairStates(this.entries(), tensors);
      await file.readInto(
        pairs.map(({ value }) => value),
        pairs.map(({ tensor }) => tensor),
        { signal },
      );
      return difference;
    } catch (error) {
      if (unseeded) this.#owner.replace(undefined);
      throw error;
    }
  }

  /** Whether they are there now and were not before. */
  #makeWithoutValues(): boolean {
    if (this.#owner.made) return false;
    this.#owner.replace(native().createModel(this.#spec, null));
    return true;
  }

  /** Lets go. May be called again. */
  dispose(): void {
    this.#state?.entries.forEach(({ tensor }) => tensor.dispose());
    this.#owner.dispose();
  }

  /** Calls dispose(): for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
