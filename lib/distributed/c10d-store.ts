import { native, type NativeStoreOptions, type StoreHandle } from "../native/binding.js";
import { Owner } from "../native/owner.js";

/** How long what is there already may take to come. */
const READ_MS = 30_000;

/** A store of LibTorch's: texts by key, through which the processes of a run find one another. */
export class C10dStore {
  readonly #owner: Owner<StoreHandle>;

  private constructor(handle: StoreHandle) {
    this.#owner = new Owner("store", handle);
  }

  /** @throws McLossError ERR_DISTRIBUTED */
  static async connect(options: NativeStoreOptions): Promise<C10dStore> {
    return new C10dStore(await native().connectStore(options));
  }

  /** @internal */
  get handle(): StoreHandle {
    return this.#owner.handle;
  }

  /** Whether dispose() was called. */
  get disposed(): boolean {
    return this.#owner.disposed;
  }

  set(key: string, value: string): Promise<void> {
    return native().storeSet(this.handle, key, value);
  }

  /** Of a key that is there. */
  get(key: string): Promise<string> {
    return native().storeGet(this.handle, key, READ_MS);
  }

  has(key: string): Promise<boolean> {
    return native().storeHas(this.handle, key);
  }

  /** Adds to a number, which is 0 at first. @returns the sum */
  add(key: string, amount: number): Promise<number> {
    return native().storeAdd(this.handle, key, amount);
  }

  /** Lets go of it; a server ends. May be called again. */
  dispose(): void {
    this.#owner.dispose();
  }
}
