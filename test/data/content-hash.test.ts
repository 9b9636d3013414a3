import { expect } from "chai";
import { join } from "node:path";
import { findChanged, hashContents } from "#lib/data/content-hash.js";
import { rejected } from "../support/errors.js";
import { makeFolder, removeFolder, write } from "../support/image-files.js";

describe("hashContents", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await makeFolder();
  });
  afterEach(() => removeFolder(dir));

  for (const size of [1, 65_536, 65_537, 1_000_000]) {
    it(`is another when a file of ${size} bytes has another first, middle or last byte, or one more`, async () => {
      const bytes = Buffer.alloc(size, 7);
      const changed = (at: number) => {
        const copy = Buffer.from(bytes);
        copy[at] = 8;
        return copy;
      };
      const variants = [bytes, changed(0), Buffer.concat([bytes, Buffer.of(7)])];
      if (size > 1) variants.push(changed(size >> 1), changed(size - 1));
      const hashes = new Set<string>();
      for (const variant of variants) hashes.add(await hashContents([await write(join(dir, "a"), variant)]));
      expect(hashes).to.have.property("size", variants.length);
      expect(hashes).to.include(await hashContents([await write(join(dir, "b"), bytes)]));
    });
  }

  it("is another when any byte is another, of files that are 4 GiB together; of more, where three places are read", async () => {
    const bytes = Buffer.alloc(3_000_000, 7);
    const path = await write(join(dir, "a"), bytes);
    const [whole, parts] = [await hashContents([path]), await hashContents([path], undefined, 2_999_999)];
    bytes[1_200_000] = 8;
    await write(path, bytes);
    expect(await hashContents([path])).to.not.equal(whole);
    expect(await hashContents([path], undefined, 3_000_000)).to.not.equal(whole);
    expect(await hashContents([path], undefined, 2_999_999)).to.equal(parts);
    bytes[1_500_000] = 8;
    await write(path, bytes);
    expect(await hashContents([path], undefined, 2_999_999)).to.not.equal(parts);
  });

  it("counts files that cannot be read, keeps their order, and stops when aborted", async () => {
    const [a, b] = [await write(join(dir, "a"), "1"), await write(join(dir, "b"), "2")];
    const all = [[a, b], [b, a], [a], [a, join(dir, "none")]];
    expect(new Set(await Promise.all(all.map((paths) => hashContents(paths))))).to.have.property("size", 4);
    expect((await rejected(hashContents([a], AbortSignal.abort()))).code).to.equal("ERR_ABORTED");
    expect(await findChanged([a, join(dir, "none")], 0)).to.deep.equal([a]);
    expect(await findChanged([a, b], Date.now() + 60_000)).to.deep.equal([]);
  });
});
