import { McLossError } from "../errors.js";
import { native, type Handle } from "./binding.js";

/** A native object, and how many hold it. */
interface Held<H extends Handle> {
  readonly make: () => H;
  handle: H | undefined;
  owners: number;
}

/**
 * One holder of a native object, which is freed when the last of its holders has let go. What makes several native calls
 * takes a share for its whole length, so that it ends with the object that it began with, whoever disposes it meanwhile.
 */
export class Owner<H extends Handle> {
  readonly #name: string;
  readonly #object: Held<H>;
  #disposed = false;

  /**
   * @param name what holds it, in messages
   * @param object the native object, or what makes it when it is first needed
   */
  constructor(name: string, object: H | (() => H) | Owner<H>) {
    this.#name = name;
    if (object instanceof Owner) {
      object.#check();
      this.#object = object.#object;
      this.#object.owners += 1;
    } else if (typeof object === "function") {
      this.#object = { make: object, handle: undefined, owners: 1 };
    } else {
      this.#object = { make: () => object, handle: object, owners: 1 };
    }
  }

  /** @throws McLossError ERR_DISPOSED after dispose() */
  get handle(): H {
    this.#check();
    return (this.#object.handle ??= this.#object.make());
  }

  /** Whether it has been needed before. */
  get made(): boolean {
    this.#check();
    return this.#object.handle !== undefined;
  }

  /** Whether dispose() was called. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /** Takes `handle` for the object, which was not needed before; undefined makes it one that is still to be made. */
  replace(handle: H | undefined): void {
    this.#check();
    const { handle: replaced } = this.#object;
    this.#object.handle = handle;
    if (replaced) native().dispose(replaced);
  }

  /** Lets go. May be called again. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#object.owners -= 1;
    const { handle, owners } = this.#object;
    if (owners === 0 && handle) native().dispose(handle);
  }

  #check(): void {
    if (!this.#disposed) return;
    const text = `this ${this.#name} was disposed, by dispose() or at the end of its \`using\`, before it was used`;
    throw new McLossError("ERR_DISPOSED", text);
  }
}
