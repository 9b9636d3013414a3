import { expect } from "chai";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { readMatFile, type MatArray } from "#lib/data/sets/mat-file.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { fixture } from "../support/datasets.js";

const folder = temporaryFolder();

function numbers(dims: number[], data: number[]): MatArray {
  return { type: "numbers", dims, data: Float64Array.from(data) };
}

function text(value: string): MatArray {
  return { type: "text", dims: [1, value.length], text: value };
}

const EXPECTED: Record<string, MatArray> = {
  // Down the columns first.
  doubles: numbers([2, 2], [1.5, 3e300, -2.25, 4]),
  counts: numbers([1, 2], [1, 65535]),
  signed: numbers([1, 2], [-128, 127]),
  long: numbers([1, 2], [-(2 ** 40), 2 ** 40]),
  single: numbers([1, 1], [0.5]),
  flags: numbers([1, 2], [1, 0]),
  empty: numbers([0, 3], []),
  text: text("Große Möwe"),
  names: { type: "cells", dims: [1, 3], cells: [text("a"), text("Ram C/V"), numbers([1, 1], [7])] },
  nested: {
    type: "struct",
    dims: [1, 2],
    fields: new Map<string, MatArray[]>([
      ["id", [numbers([1, 1], [1]), numbers([1, 1], [2])]],
      [
        "where",
        [5, 6].map((x) => ({
          type: "struct" as const,
          dims: [1, 1],
          fields: new Map([["x", [numbers([1, 1], [x])]]]),
        })),
      ],
    ]),
  },
};

/** An element of a MATLAB file: its tag, its data and padding. */
function element(type: number, data: Buffer, { big = false, padded = true } = {}): Buffer {
  const tag = Buffer.alloc(8);
  const put = (value: number, at: number) =>
    big ? tag.writeUInt32BE(value, at) : tag.writeUInt32LE(value, at);
  put(type, 0);
  put(data.length, 4);
  return Buffer.concat([tag, data, Buffer.alloc(padded ? (8 - (data.length % 8)) % 8 : 0)]);
}

function words(values: number[], big = false): Buffer {
  const data = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => (big ? data.writeInt32BE(value, 4 * i) : data.writeInt32LE(value, 4 * i)));
  return data;
}

function header(big = false): Buffer {
  const bytes = Buffer.alloc(128, " ");
  bytes.write("MATLAB 5.0 MAT-file");
  bytes.write(big ? "\x01\x00MI" : "\x00\x01IM", 124, "latin1");
  return bytes;
}

/** A matrix named x. */
function matrix(kind: number, dims: number[], content: Buffer[], big = false): Buffer {
  const parts = [
    element(6, words([kind, 0], big), { big }),
    element(5, words(dims, big), { big }),
    element(1, Buffer.from("x"), { big }),
    ...content,
  ];
  return element(14, Buffer.concat(parts), { big });
}

async function refusal(content: Buffer): Promise<string> {
  const path = join(folder(), "bad.mat");
  await writeFile(path, content);
  const error = await rejected(readMatFile(path));
  expect(error).to.include({ code: "ERR_DATASET", path });
  expect(error.message).to.contain(path);
  return error.message;
}

describe("MATLAB files", () => {
  for (const name of ["plain", "compressed"]) {
    it(`hold numbers, text, cells and structs as scipy wrote them: ${name}`, async () => {
      const variables = await readMatFile(fixture(`mat/${name}.mat`));
      expect([...variables.keys()]).to.deep.equal(Object.keys(EXPECTED));
      for (const [variable, value] of Object.entries(EXPECTED)) {
        expect(variables.get(variable), variable).to.deep.equal(value);
      }
    });
  }

  it("may be big-endian", async () => {
    const path = join(folder(), "big.mat");
    const data = element(3, Buffer.from([0xff, 0xfe, 0x01, 0x00]), { big: true });
    await writeFile(path, Buffer.concat([header(true), matrix(6, [1, 2], [data], true)]));
    expect((await readMatFile(path)).get("x")).to.deep.equal(numbers([1, 2], [-2, 256]));
  });

  it("of other versions or kinds of array are refused with what to do", async () => {
    const cases: [string, RegExp][] = [
      ["version73", /version 7\.3 \(HDF5\): save it in MATLAB with save\(…, '-v7'\)/],
      ["version4", /cut short|not a MATLAB file of version 5 to 7/],
      ["sparse", /its matrix is a sparse array, which is not supported/],
      ["complex", /its wave is complex, which is not supported/],
    ];
    for (const [name, message] of cases) {
      expect((await rejected(readMatFile(fixture(`mat/${name}.mat`)))).message).to.match(message);
    }
    expect(await refusal(Buffer.from("not MATLAB ".repeat(50)))).to.match(
      /not a MATLAB file of version 5 to 7/,
    );
  });

  it("that are cut short at any byte are refused", async () => {
    const whole = await readFile(fixture("mat/plain.mat"));
    const boundaries = new Set<number>();
    for (let at = 128; at < whole.length; at += 8 + whole.readUInt32LE(at + 4)) boundaries.add(at);
    expect(boundaries).to.have.length(Object.keys(EXPECTED).length);
    for (let end = 0; end < whole.length; end += 31) {
      // Where one variable ends and the next begins, nothing is missing.
      if (!boundaries.has(end)) expect(await refusal(whole.subarray(0, end))).to.match(/cut short/);
    }
  });

  it("that claim more than they hold are refused before anything is allocated for it", async () => {
    const huge = 2 ** 31 - 1;
    expect(await refusal(Buffer.concat([header(), matrix(1, [1, huge], [])]))).to.match(/damaged/);
    expect(await refusal(Buffer.concat([header(), matrix(6, [huge, huge], [])]))).to.match(
      /cut short|damaged/,
    );
    const fields = [element(5, words([1])), element(1, Buffer.alloc(1000, "a"))];
    expect(await refusal(Buffer.concat([header(), matrix(2, [1, huge], fields)]))).to.match(/damaged/);
    expect(
      await refusal(Buffer.concat([header(), element(14, words([6, 0]), {}), Buffer.from([1, 2, 3])])),
    ).to.match(/cut short/);
  });

  it("that inflate without end, or nest without end, are refused", async () => {
    const bomb = deflateSync(Buffer.alloc(2 ** 25 + 1));
    expect(await refusal(Buffer.concat([header(), element(15, bomb, { padded: false })]))).to.match(
      /inflates to more than/,
    );
    let nested = matrix(6, [1, 1], [element(9, Buffer.alloc(8))]);
    for (let i = 0; i < 30; i += 1) nested = matrix(1, [1, 1], [nested]);
    expect(await refusal(Buffer.concat([header(), nested]))).to.match(/nests arrays more than 16 deep/);
  });
});
