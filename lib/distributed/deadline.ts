/** A moment after which nobody waits. */
export class Deadline {
  /** From its beginning to its end. */
  readonly seconds: number;
  readonly #end: number;

  constructor(seconds: number) {
    this.seconds = seconds;
    this.#end = performance.now() + 1000 * seconds;
  }

  /** Whole milliseconds until then, at least 0. */
  get left(): number {
    return Math.max(0, Math.ceil(this.#end - performance.now()));
  }

  get isOver(): boolean {
    return this.left === 0;
  }
}
