import { checkFunction } from "../check-argument.js";
import { AsyncLocalStorage } from "node:async_hooks";
import { types } from "node:util";
import { invalidArgument } from "../errors.js";

/** What a scope frees: a tensor. */
export interface Releasable {
  /** Frees its memory. */
  dispose(): void;
}

/** The tensors made since a tidy() began. */
class Scope {
  readonly #tensors = new Set<Releasable>();
  #closed = false;

  constructor(readonly parent: Scope | undefined) {}

  /** Once closed, a scope hands on to the one around it what work makes that nobody waited for. */
  add(tensor: Releasable): void {
    if (this.#closed) this.parent?.add(tensor);
    else this.#tensors.add(tensor);
  }

  remove(tensor: Releasable): void {
    if (!this.#tensors.delete(tensor)) this.parent?.remove(tensor);
  }

  /** Disposes all but what `result` holds, which moves to the scope around this one. */
  close(result?: unknown): void {
    this.#closed = true;
    if (this.#tensors.size === 0) return;
    const returned = reachable(result);
    for (const tensor of this.#tensors) {
      if (kept.has(tensor)) continue;
      if (returned.has(tensor)) this.parent?.add(tensor);
      else tensor.dispose();
    }
    this.#tensors.clear();
  }
}

const current = new AsyncLocalStorage<Scope>();
const kept = new WeakSet<Releasable>();
let openScopes = 0;

/** Called for every new tensor. */
export function register(tensor: Releasable): void {
  current.getStore()?.add(tensor);
}

/** Called for every tensor that is disposed, so that a long scope does not pile them up. */
export function unregister(tensor: Releasable): void {
  current.getStore()?.remove(tensor);
}

/** How many tidy() calls have not returned yet. */
export function countOpenScopes(): number {
  return openScopes;
}

/** Excludes a tensor from every tidy() that it was made in, so that it lives until it is disposed. */
export function keep<T extends Releasable>(tensor: T): T {
  checkFunction("tensor.dispose", (tensor as Partial<T> | null | undefined)?.dispose);
  kept.add(tensor);
  unregister(tensor);
  return tensor;
}

/**
 * Runs `fn` and disposes every tensor made in it but those it returns: a tensor, or tensors in nested arrays, Maps,
 * Sets and objects' own properties, which then belong to the tidy() around this one. Where `fn` returns a promise, or
 * anything else with a `then`, that happens once it settles. Interleaved async scopes do not mix.
 *
 * A tensor that `fn` makes after its scope has closed, in work that it does not wait for, belongs to the next scope
 * around it that is open; without one it is the garbage collector's.
 * @throws McLossError ERR_ARGUMENT where `fn` is a generator function, whose body would run too late
 */
export function tidy<T>(fn: () => PromiseLike<T>): Promise<T>;
export function tidy<T>(fn: () => T): T;
export function tidy(fn: () => unknown): unknown {
  checkFunction("fn", fn);
  const scope = new Scope(current.getStore());
  openScopes += 1;
  try {
    const result = current.run(scope, () => begin(fn));
    return result instanceof Promise ? closeOnceSettled(scope, result) : close(scope, result);
  } catch (error) {
    abandon(scope);
    throw error;
  }
}

function begin(fn: () => unknown): unknown {
  const result = fn();
  return isThenable(result) ? Promise.resolve(result) : result;
}

async function closeOnceSettled(scope: Scope, promise: Promise<unknown>): Promise<unknown> {
  try {
    return close(scope, await promise);
  } catch (error) {
    abandon(scope);
    throw error;
  }
}

function close(scope: Scope, result: unknown): unknown {
  if (types.isGeneratorObject(result)) {
    throw invalidArgument("fn", "must not be a generator: use tidy() inside it, around each step");
  }
  openScopes -= 1;
  scope.close(result);
  return result;
}

function abandon(scope: Scope): void {
  openScopes -= 1;
  scope.close();
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== "object" || value === null || !("then" in value)) return false;
  return typeof value.then === "function";
}

/** Everything in a tree of arrays, Maps, Sets and objects. */
function reachable(root: unknown): ReadonlySet<unknown> {
  const found = new Set<unknown>();
  const waiting = [root];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value !== "object" || value === null || found.has(value)) continue;
    found.add(value);
    for (const child of childrenOf(value)) waiting.push(child);
  }
  return found;
}

function childrenOf(value: object): Iterable<unknown> {
  if (ArrayBuffer.isView(value)) return [];
  if (value instanceof Set) return value as Set<unknown>;
  if (value instanceof Map) return value as Map<unknown, unknown>;
  return Object.values(value) as unknown[];
}
