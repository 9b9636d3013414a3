/** Why a pickle was refused. */
export class PickleError extends Error {}

/** The most that one pickle may make: far more than any network's description, and far less than a machine's memory. */
const MOST_STEPS = 10_000_000;
const MOST_OBJECTS = 1_000_000;
const MOST_MEMOS = 2_000_000;
const MOST_MADE_BYTES = 32_000_000;
const SHOWN_LETTERS = 100;

/** Something other than tensors and plain values that a pickle has beside them. Nothing is known of it. */
export class PassedOver {
  readonly kind = "passed over";
}

/** A class or function that a pickle names. Nothing is imported: `call` is ours, and absent where calls are refused. */
export class PickleGlobal {
  constructor(
    readonly name: string,
    readonly call?: (args: readonly unknown[]) => unknown,
    /** Whether what is made of it by protocol 2's NEWOBJ is passed over. */
    readonly passedOver = false,
  ) {}
}

/** A name in a message: what a file says may be long. */
export function shown(name: string): string {
  return name.length > SHOWN_LETTERS ? `${name.slice(0, SHOWN_LETTERS)}…` : name;
}

/** What a pickle may refer to outside itself. Both throw PickleError for everything that is not allowed. */
export interface PickleRules {
  global(name: string): PickleGlobal;
  /** What a persistent id stands for; in PyTorch's files, a storage. */
  persistent(id: unknown): unknown;
}

/**
 * The value of a Python pickle, protocols 2 to 5. Only data is made: dicts as Maps, lists and tuples as arrays, integers
 * beyond 2^53 as bigints, and bytes as Buffers, and what `rules` gives for globals and their calls. No other opcode is known.
 * A dict's items whose keys are neither strings nor numbers are left out.
 * @throws PickleError, also where it asks for more than any file of tensors needs
 */
export function unpickle(bytes: Buffer, rules: PickleRules): unknown {
  return unpickleAt(bytes, 0, rules).value;
}

/** As {@link unpickle}, from a position on; with where the pickle ends. */
export function unpickleAt(
  bytes: Buffer,
  start: number,
  rules: PickleRules,
): { value: unknown; end: number } {
  const machine = new Machine(bytes, start, rules);
  return { value: machine.run(), end: machine.position };
}

class Machine {
  readonly #memo = new Map<number, unknown>();
  readonly #bytes: Buffer;
  readonly #rules: PickleRules;
  readonly #marks: number[] = [];
  #stack: unknown[] = [];
  #position: number;
  #objects = 0;
  #madeBytes = 0;

  constructor(bytes: Buffer, start: number, rules: PickleRules) {
    this.#bytes = bytes;
    this.#position = start;
    this.#rules = rules;
  }

  get position(): number {
    return this.#position;
  }

  run(): unknown {
    for (let steps = 0; ; steps += 1) {
      if (steps > MOST_STEPS) throw tooLarge();
      const code = this.takeByte();
      if (code === STOP) return this.pop();
      const step = OPCODES.get(code);
      if (!step) throw new PickleError(`uses the pickle opcode 0x${code.toString(16)}, which is not allowed`);
      step(this);
    }
  }

  take(length: number): Buffer {
    const end = this.#position + length;
    if (end > this.#bytes.length) throw new PickleError("has a pickle that ends too early");
    const taken = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return taken;
  }

  takeByte(): number {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) throw new PickleError("has a pickle that ends too early");
    this.#position += 1;
    return byte;
  }

  takeLine(): string {
    const end = this.#bytes.indexOf("\n", this.#position);
    if (end < 0) throw new PickleError("has a pickle that ends too early");
    return this.take(end + 1 - this.#position)
      .subarray(0, -1)
      .toString("utf8");
  }

  takeText(length: number): string {
    return this.take(length).toString("utf8");
  }

  push(value: unknown): void {
    this.#stack.push(value);
  }

  /** Pushes what takes memory of its own. */
  pushObject(value: unknown): void {
    this.#count(1);
    this.push(value);
  }

  #count(objects: number): void {
    this.#objects += objects;
    if (this.#objects > MOST_OBJECTS) throw tooLarge();
  }

  top(): unknown {
    // What lies under a mark is out of reach until the mark is used.
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) {
      throw new PickleError("has a pickle that takes more values than it made");
    }
    return this.#stack.at(-1);
  }

  pop(): unknown {
    const value = this.top();
    this.#stack.pop();
    return value;
  }

  popMany(count: number): unknown[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  popToMark(): unknown[] {
    const start = this.#marks.pop();
    if (start === undefined) throw new PickleError("has a pickle that uses a mark it did not set");
    return this.#stack.splice(start);
  }

  memoize(index = this.#memo.size): void {
    if (this.#memo.size > MOST_MEMOS) throw tooLarge();
    this.#memo.set(index, this.top());
  }

  recall(index: number): void {
    if (!this.#memo.has(index)) throw new PickleError("has a pickle that recalls a value it did not store");
    this.push(this.#memo.get(index));
  }

  append(values: readonly unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw new PickleError("has a pickle that appends to what is not a list");
    for (const value of values) list.push(value);
  }

  setItems(keysAndValues: readonly unknown[]): void {
    const dict = this.top();
    if (!(dict instanceof Map) || keysAndValues.length % 2 !== 0) {
      throw new PickleError("has a pickle that sets items of what is not a dict");
    }
    this.#count(keysAndValues.length / 2);
    for (let i = 0; i < keysAndValues.length; i += 2) {
      const key = keysAndValues[i];
      if (typeof key !== "string" && typeof key !== "number") continue;
      if (dict.has(key)) throw new PickleError(`has the name ${shown(String(key))} twice`);
      dict.set(key, keysAndValues[i + 1]);
    }
  }

  global(module: unknown, name: unknown): void {
    if (typeof module !== "string" || typeof name !== "string") {
      throw new PickleError("names what is to be called by something other than text");
    }
    this.pushObject(this.#rules.global(`${module}.${name}`));
  }

  globalOf([module, name]: readonly unknown[]): void {
    this.global(module, name);
  }

  reduce(): void {
    const [callee, args] = this.popMany(2);
    if (!(callee instanceof PickleGlobal) || !callee.call || !Array.isArray(args)) {
      throw notCallable(callee);
    }
    const made = callee.call(args);
    if (Buffer.isBuffer(made)) this.#countBytes(made.length);
    this.pushObject(made);
  }

  #countBytes(bytes: number): void {
    this.#madeBytes += bytes;
    if (this.#madeBytes > MOST_MADE_BYTES) throw tooLarge();
  }

  /** An object of a class that is passed over, without its constructor. */
  newObject(): void {
    const [callee] = this.popMany(2);
    if (!(callee instanceof PickleGlobal) || !callee.passedOver) throw notCallable(callee);
    this.pushObject(new PassedOver());
  }

  /** State beside a dict's items, such as the `_metadata` of a module's state dict, is dropped; all other is refused. */
  build(): void {
    this.pop();
    const target = this.top();
    if (target instanceof Map || target instanceof PassedOver) return;
    throw new PickleError("sets attributes, which is not allowed");
  }

  persistent(): void {
    this.pushObject(this.#rules.persistent(this.pop()));
  }
}

function tooLarge(): PickleError {
  return new PickleError("has a pickle that makes far more than a file of tensors does");
}

function notCallable(callee: unknown): PickleError {
  const name = callee instanceof PickleGlobal ? callee.name : "what is not a function";
  return new PickleError(`asks to call ${name}, which is not allowed`);
}

function toInteger(bytes: Buffer): number | bigint {
  if (bytes.length === 0) return 0;
  const digits = Buffer.from(bytes).reverse().toString("hex");
  const value = BigInt.asIntN(8 * bytes.length, BigInt(`0x${digits}`));
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function length64(machine: Machine): number {
  return Number(machine.take(8).readBigUInt64LE());
}

const STOP = 0x2e;

const OPCODES: ReadonlyMap<number, (machine: Machine) => void> = new Map([
  [0x80, (m: Machine) => void m.take(1)], // PROTO
  [0x95, (m) => void m.take(8)], // FRAME
  [0x28, (m) => m.mark()], // MARK
  [0x30, (m) => void m.pop()], // POP
  [0x31, (m) => void m.popToMark()], // POP_MARK

  [0x4e, (m) => m.push(null)], // NONE
  [0x88, (m) => m.push(true)], // NEWTRUE
  [0x89, (m) => m.push(false)], // NEWFALSE
  [0x4b, (m) => m.push(m.takeByte())], // BININT1
  [0x4d, (m) => m.push(m.take(2).readUInt16LE())], // BININT2
  [0x4a, (m) => m.push(m.take(4).readInt32LE())], // BININT
  [0x8a, (m) => m.pushObject(toInteger(m.take(m.takeByte())))], // LONG1
  [0x47, (m) => m.push(m.take(8).readDoubleBE())], // BINFLOAT
  [0x8c, (m) => m.pushObject(m.takeText(m.takeByte()))], // SHORT_BINUNICODE
  [0x58, (m) => m.pushObject(m.takeText(m.take(4).readUInt32LE()))], // BINUNICODE
  [0x8d, (m) => m.pushObject(m.takeText(length64(m)))], // BINUNICODE8
  [0x55, (m) => m.pushObject(m.takeText(m.takeByte()))], // SHORT_BINSTRING, of Python 2
  [0x54, (m) => m.pushObject(m.takeText(m.take(4).readUInt32LE()))], // BINSTRING, of Python 2

  [0x43, (m) => m.pushObject(m.take(m.takeByte()))], // SHORT_BINBYTES
  [0x42, (m) => m.pushObject(m.take(m.take(4).readUInt32LE()))], // BINBYTES

  [0x29, (m) => m.pushObject([])], // EMPTY_TUPLE
  [0x85, (m) => m.pushObject(m.popMany(1))], // TUPLE1
  [0x86, (m) => m.pushObject(m.popMany(2))], // TUPLE2
  [0x87, (m) => m.pushObject(m.popMany(3))], // TUPLE3
  [0x74, (m) => m.pushObject(m.popToMark())], // TUPLE
  [0x5d, (m) => m.pushObject([])], // EMPTY_LIST
  [0x61, (m) => m.append(m.popMany(1))], // APPEND
  [0x65, (m) => m.append(m.popToMark())], // APPENDS
  [0x7d, (m) => m.pushObject(new Map())], // EMPTY_DICT
  [0x73, (m) => m.setItems(m.popMany(2))], // SETITEM
  [0x75, (m) => m.setItems(m.popToMark())], // SETITEMS

  [0x71, (m) => m.memoize(m.takeByte())], // BINPUT
  [0x72, (m) => m.memoize(m.take(4).readUInt32LE())], // LONG_BINPUT
  [0x94, (m) => m.memoize()], // MEMOIZE
  [0x68, (m) => m.recall(m.takeByte())], // BINGET
  [0x6a, (m) => m.recall(m.take(4).readUInt32LE())], // LONG_BINGET

  [0x63, (m) => m.global(m.takeLine(), m.takeLine())], // GLOBAL
  [0x93, (m) => m.globalOf(m.popMany(2))], // STACK_GLOBAL
  [0x52, (m) => m.reduce()], // REDUCE
  [0x81, (m) => m.newObject()], // NEWOBJ
  [0x62, (m) => m.build()], // BUILD
  [0x51, (m) => m.persistent()], // BINPERSID
]);
