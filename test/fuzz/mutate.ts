import type { Random } from "#lib/image/random.js";

/** Damages a file in a few places, in the ways that files are damaged: `random` decides how. */
export function mutate(original: Uint8Array, random: Random): Uint8Array {
  let bytes = Uint8Array.from(original);
  const count = random.integer(1, 4);
  for (let i = 0; i < count; i += 1) {
    const way = MUTATIONS[random.integer(0, MUTATIONS.length - 1)];
    if (way && bytes.length > 0) bytes = way(bytes, random);
  }
  return bytes;
}

type Mutation = (bytes: Uint8Array<ArrayBuffer>, random: Random) => Uint8Array<ArrayBuffer>;

// Numbers at the edges of what a field may hold.
const EDGES = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff];

const MUTATIONS: Mutation[] = [
  function flipBit(bytes, random) {
    const at = anywhere(bytes, random);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(0, 7));
    return bytes;
  },
  function setEdge(bytes, random) {
    bytes[anywhere(bytes, random)] = EDGES[random.integer(0, EDGES.length - 1)] ?? 0;
    return bytes;
  },
  /** Most of a format's structure is at the start. */
  function damageHeader(bytes, random) {
    bytes[random.integer(0, Math.min(bytes.length, 64) - 1)] = random.integer(0, 255);
    return bytes;
  },
  function truncate(bytes, random) {
    return bytes.slice(0, anywhere(bytes, random));
  },
  function fill(bytes, random) {
    const start = anywhere(bytes, random);
    return bytes.fill(EDGES[random.integer(0, EDGES.length - 1)] ?? 0, start, start + random.integer(1, 256));
  },
  function cut(bytes, random) {
    const start = anywhere(bytes, random);
    return join(bytes.subarray(0, start), bytes.subarray(start + random.integer(1, 64)));
  },
  function repeat(bytes, random) {
    const start = anywhere(bytes, random);
    const part = bytes.subarray(start, start + random.integer(1, 512));
    return join(bytes.subarray(0, start), part, part, bytes.subarray(start + part.length));
  },
];

function anywhere(bytes: Uint8Array, random: Random): number {
  return random.integer(0, bytes.length - 1);
}

function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat(parts));
}
