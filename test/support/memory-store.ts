import type { Store } from "#lib/distributed/store.js";

/** A store of this process, for ranks that are functions. */
export class MemoryStore implements Store {
  readonly #texts = new Map<string, string>();
  /** Whether it is gone, as with its process. */
  gone = false;
  /** Called with each key that is looked for. */
  onHas: (key: string) => void = () => undefined;

  set(key: string, value: string): Promise<void> {
    return this.#do(() => void this.#texts.set(key, value));
  }

  get(key: string): Promise<string> {
    return this.#do(() => {
      const text = this.#texts.get(key);
      if (text === undefined) throw new Error(`there is no ${key}`);
      return text;
    });
  }

  has(key: string): Promise<boolean> {
    this.onHas(key);
    return this.#do(() => this.#texts.has(key));
  }

  add(key: string, amount: number): Promise<number> {
    return this.#do(() => {
      const sum = Number(this.#texts.get(key) ?? 0) + amount;
      this.#texts.set(key, `${sum}`);
      return sum;
    });
  }

  async #do<T>(work: () => T): Promise<T> {
    await Promise.resolve();
    if (this.gone) throw new Error("Broken pipe");
    return work();
  }
}
