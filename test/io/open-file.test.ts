import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { closeSync, readFileSync } from "node:fs";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFile, openFileSync, readWhole } from "#lib/io/open-file.js";

const failure = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.fail("did not reject"),
    (error: unknown) => error as Error,
  );

describe("opening a file", () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "mcloss-open-"));
    execFileSync("mkfifo", [join(dir, "pipe")]);
    await writeFile(join(dir, "file"), "text");
    await symlink("pipe", join(dir, "link to the pipe"));
    await symlink("file", join(dir, "link to the file"));
  });
  after(() => rm(dir, { recursive: true }));

  it("reads a file, and one that a link leads to", async () => {
    expect(String(await readWhole(join(dir, "file")))).to.equal("text");
    expect(String(await readWhole(join(dir, "link to the file")))).to.equal("text");
    const descriptor = openFileSync(join(dir, "file"));
    expect(readFileSync(descriptor, "utf8")).to.equal("text");
    closeSync(descriptor);
  });

  it("refuses at once what may never end, and says what it is", async () => {
    for (const [path, problem] of [
      [join(dir, "pipe"), "it is a pipe, not a file"],
      [join(dir, "link to the pipe"), "it is a pipe, not a file"],
      ["/dev/zero", "it is a device, not a file"],
      [dir, "it is a folder, not a file"],
    ] as const) {
      expect((await failure(openFile(path))).message).to.equal(problem);
      expect((await failure(readWhole(path))).message).to.equal(problem);
      expect(() => openFileSync(path)).to.throw(problem);
    }
  });

  it("refuses a file that is larger than the limit", async () => {
    expect(await readWhole(join(dir, "file"), { mostBytes: 4 })).to.have.length(4);
    const error = await failure(readWhole(join(dir, "file"), { mostBytes: 3 }));
    expect(error.message).to.equal("it has 4 bytes, more than 3");
  });

  it("gives the file system's error where there is nothing", async () => {
    expect(await failure(openFile(join(dir, "missing")))).to.include({ code: "ENOENT" });
  });

  it("ends with its signal", async () => {
    const reason = new Error("enough");
    const error = await failure(readWhole(join(dir, "file"), { signal: AbortSignal.abort(reason) }));
    expect(error.name).to.equal("AbortError");
  });
});
