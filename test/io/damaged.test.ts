import { expect } from "chai";
import fc from "fast-check";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { McLossError, tensor, tidy, type Tensor } from "mutual-channel-loss";
import { loadStateDict, ops, saveStateDict } from "mutual-channel-loss/tensor";
import { temporaryFolder } from "../support/images.js";

const folder = temporaryFolder();

/** A file's bytes with some changed, taken out or put in. */
const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.integer({ min: 0, max: 6 }),
  insert: fc.oneof(
    fc.uint8Array({ maxLength: 4 }),
    fc
      .constantFrom('"', "{", "}", "[", "]", ",", "-1", "0", "9".repeat(17), "1e3", "F64", "\\u0000", '"x":')
      .map((text) => new Uint8Array(Buffer.from(text))),
  ),
});

function mutated(
  bytes: Buffer,
  mutations: readonly { at: number; remove: number; insert: Uint8Array }[],
): Buffer {
  return mutations.reduce((current, { at, remove, insert }) => {
    const position = Math.floor(at * current.length);
    return Buffer.concat([current.subarray(0, position), insert, current.subarray(position + remove)]);
  }, bytes);
}

/** The tensors, or the code of the error. */
async function attempt(bytes: Buffer): Promise<Record<string, Tensor> | undefined> {
  const path = join(folder(), "damaged");
  await writeFile(path, bytes);
  try {
    return await loadStateDict(path);
  } catch (error) {
    expect(error).to.be.instanceOf(McLossError);
    expect(error).to.include({ code: "ERR_CHECKPOINT", path });
    return undefined;
  }
}

describe("damaged files", () => {
  it("safetensors with changed headers are refused, or read as the header says", async () => {
    const path = join(folder(), "whole.safetensors");
    await saveStateDict(path, {
      a: tensor([1, 2, 3]),
      b: tensor(Int16Array.of(4, 5)),
      c: tensor([], { shape: [0, 2] }),
    });
    const whole = await readFile(path);
    const headerEnd = 8 + Number(whole.readBigUInt64LE());
    const [header, data] = [whole.subarray(8, headerEnd), whole.subarray(headerEnd)];
    let read = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
        const changed = mutated(header, mutations);
        const length = Buffer.alloc(8);
        length.writeBigUInt64LE(BigInt(changed.length));
        await tidy(async () => {
          const state = await attempt(Buffer.concat([length, changed, data]));
          if (!state) return;
          read += 1;
          const entries = JSON.parse(changed.toString()) as Record<
            string,
            { shape: number[]; data_offsets: [number, number] }
          >;
          delete entries["__metadata__"];
          expect(Object.keys(state)).to.have.members(Object.keys(entries));
          for (const [name, { shape, data_offsets }] of Object.entries(entries)) {
            const bytes = ops("aten::view.dtype", state[name]?.reshape([-1]), "uint8") as Tensor;
            expect(
              Buffer.from((await bytes.data()) as Uint8Array).equals(data.subarray(...data_offsets)),
            ).to.equal(true);
            expect(state[name]!.shape.length).to.equal(shape.length);
          }
        });
      }),
      // Headers may end in spaces: at least this one is read.
      {
        seed: 1,
        numRuns: 300,
        examples: [[[{ at: 1, remove: 0, insert: new Uint8Array(Buffer.from(" ")) }]]],
      },
    );
    expect(read).to.be.greaterThan(0);
  });

  for (const name of ["plain.pth", "nested.pth", "views.pth"]) {
    it(`PyTorch files changed anywhere are refused or read (${name})`, async () => {
      const whole = await readFile(fileURLToPath(new URL(`../fixtures/pth/${name}`, import.meta.url)));
      await fc.assert(
        fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) =>
          tidy(async () => {
            await attempt(mutated(whole, mutations));
          }),
        ),
        { seed: 1, numRuns: 100 },
      );
    });
  }
});
