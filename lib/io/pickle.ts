/** Why a pickle was refused. */
export class PickleError extends Error {}

/** A class or function that a pickle names. Nothing is imported: `call` is ours, and absent where calls are refused. */
export class PickleGlobal {
  constructor(
    readonly name: string,
    readonly call?: (args: readonly unknown[]) => unknown,
  ) {}
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
 * @throws PickleError
 */
export function unpickle(bytes: Buffer, rules: PickleRules): unknown {
  return new Machine(bytes, rules).run();
}

class Machine {
  readonly memo = new Map<number, unknown>();
  readonly #bytes: Buffer;
  readonly #rules: PickleRules;
  readonly #marks: number[] = [];
  #stack: unknown[] = [];
  #position = 0;

  constructor(bytes: Buffer, rules: PickleRules) {
    this.#bytes = bytes;
    this.#rules = rules;
  }

  run(): unknown {
    for (;;) {
      const code = this.take(1).readUInt8();
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

  recall(index: number): void {
    if (!this.memo.has(index)) throw new PickleError("has a pickle that recalls a value it did not store");
    this.push(this.memo.get(index));
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
    for (let i = 0; i < keysAndValues.length; i += 2) {
      const key = keysAndValues[i];
      if (dict.has(key)) throw new PickleError(`has the name ${String(key)} twice`);
      dict.set(key, keysAndValues[i + 1]);
    }
  }

  global(module: unknown, name: unknown): void {
    this.push(this.#rules.global(`${String(module)}.${String(name)}`));
  }

  globalOf([module, name]: readonly unknown[]): void {
    this.global(module, name);
  }

  reduce(): void {
    const [callee, args] = this.popMany(2);
    if (!(callee instanceof PickleGlobal) || !callee.call || !Array.isArray(args)) {
      const name = callee instanceof PickleGlobal ? callee.name : "what is not a function";
      throw new PickleError(`asks to call ${name}, which is not allowed`);
    }
    this.push(callee.call(args));
  }

  /** State beside a dict's items, such as the `_metadata` of a module's state dict, is dropped; all other is refused. */
  build(): void {
    this.pop();
    if (!(this.top() instanceof Map)) throw new PickleError("sets attributes, which is not allowed");
  }

  persistent(): void {
    this.push(this.#rules.persistent(this.pop()));
  }
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
  [0x4b, (m) => m.push(m.take(1).readUInt8())], // BININT1
  [0x4d, (m) => m.push(m.take(2).readUInt16LE())], // BININT2
  [0x4a, (m) => m.push(m.take(4).readInt32LE())], // BININT
  [0x8a, (m) => m.push(toInteger(m.take(m.take(1).readUInt8())))], // LONG1
  [0x47, (m) => m.push(m.take(8).readDoubleBE())], // BINFLOAT
  [0x8c, (m) => m.push(m.takeText(m.take(1).readUInt8()))], // SHORT_BINUNICODE
  [0x58, (m) => m.push(m.takeText(m.take(4).readUInt32LE()))], // BINUNICODE
  [0x8d, (m) => m.push(m.takeText(length64(m)))], // BINUNICODE8

  [0x43, (m) => m.push(m.take(m.take(1).readUInt8()))], // SHORT_BINBYTES
  [0x42, (m) => m.push(m.take(m.take(4).readUInt32LE()))], // BINBYTES

  [0x29, (m) => m.push([])], // EMPTY_TUPLE
  [0x85, (m) => m.push(m.popMany(1))], // TUPLE1
  [0x86, (m) => m.push(m.popMany(2))], // TUPLE2
  [0x87, (m) => m.push(m.popMany(3))], // TUPLE3
  [0x74, (m) => m.push(m.popToMark())], // TUPLE
  [0x5d, (m) => m.push([])], // EMPTY_LIST
  [0x61, (m) => m.append(m.popMany(1))], // APPEND
  [0x65, (m) => m.append(m.popToMark())], // APPENDS
  [0x7d, (m) => m.push(new Map())], // EMPTY_DICT
  [0x73, (m) => m.setItems(m.popMany(2))], // SETITEM
  [0x75, (m) => m.setItems(m.popToMark())], // SETITEMS

  [0x71, (m) => void m.memo.set(m.take(1).readUInt8(), m.top())], // BINPUT
  [0x72, (m) => void m.memo.set(m.take(4).readUInt32LE(), m.top())], // LONG_BINPUT
  [0x94, (m) => void m.memo.set(m.memo.size, m.top())], // MEMOIZE
  [0x68, (m) => m.recall(m.take(1).readUInt8())], // BINGET
  [0x6a, (m) => m.recall(m.take(4).readUInt32LE())], // LONG_BINGET

  [0x63, (m) => m.global(m.takeLine(), m.takeLine())], // GLOBAL
  [0x93, (m) => m.globalOf(m.popMany(2))], // STACK_GLOBAL
  [0x52, (m) => m.reduce()], // REDUCE
  [0x62, (m) => m.build()], // BUILD
  [0x51, (m) => m.persistent()], // BINPERSID
]);
