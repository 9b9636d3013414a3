import { AsyncLocalStorage } from "node:async_hooks";

/** What a scope frees: a tensor. */
interface Releasable {
  dispose(): void;
}

/** The tensors made since a tidy() began. */
class Scope {
  readonly #tensors = new Set<Releasable>();

  constructor(readonly parent: Scope | undefined) {}

  add(tensor: Releasable): void {
    this.#tensors.add(tensor);
  }

  /** Disposes all but `kept`, which move to the scope around this one. */
  close(kept: ReadonlySet<unknown>): void {
    for (const tensor of this.#tensors) {
      if (kept.has(tensor)) this.parent?.add(tensor);
      else tensor.dispose();
    }
    this.#tensors.clear();
  }

  forget(tensor: Releasable): void {
    this.#tensors.delete(tensor);
    this.parent?.forget(tensor);
  }
}

const current = new AsyncLocalStorage<Scope>();
let openScopes = 0;

/** Called for every new tensor. */
export function register(tensor: Releasable): void {
  current.getStore()?.add(tensor);
}

/** How many tidy() calls have not returned yet. */
export function countOpenScopes(): number {
  return openScopes;
}

/** Excludes a tensor from every tidy() around it, so that it lives until it is disposed. */
export function keep<T extends Releasable>(tensor: T): T {
  current.getStore()?.forget(tensor);
  return tensor;
}

/**
 * Runs `fn`, sync or async, and disposes every tensor made in it but those it returns: a tensor, or tensors in
 * nested arrays, plain objects, Maps and Sets. Interleaved async scopes do not mix.
 */
export function tidy<T>(fn: () => T): T {
  const scope = new Scope(current.getStore());
  openScopes += 1;
  const close = (kept: ReadonlySet<unknown>): void => {
    openScopes -= 1;
    scope.close(kept);
  };
  let result: T;
  try {
    result = current.run(scope, fn);
  } catch (error) {
    close(new Set());
    throw error;
  }
  if (!(result instanceof Promise)) {
    close(reachable(result));
    return result;
  }
  return result.then(
    (value: unknown) => {
      close(reachable(value));
      return value;
    },
    (error: unknown) => {
      close(new Set());
      throw error;
    },
  ) as T;
}

/** Everything in a tree of arrays, plain objects, Maps and Sets. */
function reachable(value: unknown, found = new Set<unknown>()): Set<unknown> {
  if (typeof value !== "object" || value === null || found.has(value)) return found;
  found.add(value);
  for (const child of childrenOf(value)) reachable(child, found);
  return found;
}

function childrenOf(value: object): Iterable<unknown> {
  if (Array.isArray(value)) return value as unknown[];
  if (value instanceof Set) return value as Set<unknown>;
  if (value instanceof Map) return value.values() as Iterable<unknown>;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null
    ? Object.values(value as Record<string, unknown>)
    : [];
}
