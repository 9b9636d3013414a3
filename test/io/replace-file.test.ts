import { expect } from "chai";
import { mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { replaceWith } from "#lib/io/replace-file.js";
import { temporaryName } from "#lib/io/temporary-file.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";

const folder = temporaryFolder();

describe("replacing a file", () => {
  it("takes the longest names that there are, of letters of several bytes too", async () => {
    for (const name of ["x".repeat(255), "é".repeat(127), "🐦".repeat(63)]) {
      const path = join(folder(), name);
      await replaceWith(path, "first");
      await replaceWith(path, Uint8Array.from(Buffer.from("second")));
      expect(await readFile(path, "utf8")).to.equal("second");
    }
  });

  it("removes what was left of a long name a day ago, and nothing of other names", async () => {
    const dir = join(folder(), "left");
    await mkdir(dir);
    const path = join(dir, "y".repeat(250));
    const [left, other] = [temporaryName(path), temporaryName(join(dir, "z"))];
    for (const old of [left, other]) {
      await writeFile(old, "");
      await utimes(old, 1, 1);
    }
    await replaceWith(path, "new");
    expect((await readdir(dir)).sort()).to.deep.equal(["y".repeat(250), other.slice(dir.length + 1)].sort());
  });

  it("names a file whose name is too long for any", async () => {
    const path = join(folder(), "x".repeat(256));
    expect(await rejected(replaceWith(path, ""))).to.include({ code: "ERR_IO", path });
  });
});
