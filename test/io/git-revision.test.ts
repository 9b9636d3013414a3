import { expect } from "chai";
import { existsSync } from "node:fs";
import { chmod, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findGitRevision } from "#lib/io/git-revision.js";
import { GitRepository, hasGit } from "../support/git.js";
import { temporaryFolder } from "../support/images.js";

const folder = temporaryFolder();
const file = (name: string) => join(folder(), name);

describe("findGitRevision", () => {
  let repository: GitRepository;

  before(function () {
    if (!hasGit()) this.skip(); // git is not installed
    repository = new GitRepository(folder());
  });

  it("tells the last commit that changed the file, and whether it is another one by now", async () => {
    const commit = await repository.commit("birds.csv", "path,label\na.jpg,wren\n");
    await repository.commit("other.csv", "path,label\n");
    expect(await findGitRevision(file("birds.csv"))).to.deep.equal({ commit, modified: false });
    await symlink("birds.csv", file("link.csv"));
    expect(await findGitRevision(file("link.csv"))).to.deep.equal({ commit, modified: false });
    await writeFile(file("birds.csv"), "path,label\nb.jpg,wren\n");
    expect(await findGitRevision(file("birds.csv"))).to.deep.equal({ commit, modified: true });
  });

  it("takes names as they are", async () => {
    const commit = await repository.commit(":(top)*.csv", "path,label\n");
    expect(await findGitRevision(file(":(top)*.csv"))).to.deep.equal({ commit, modified: false });
  });

  it("tells nothing of a file that git does not keep", async () => {
    await writeFile(file("new.csv"), "path,label\n");
    for (const name of ["new.csv", "missing.csv"]) {
      expect(await findGitRevision(file(name))).to.equal(undefined);
    }
  });

  it("runs no program that the repository's settings name", async () => {
    const commit = await repository.commit("safe.csv", "path,label\n");
    const [program, sign] = [file("program.sh"), file("it-ran")];
    await writeFile(program, `#!/bin/sh\ntouch '${sign}'\n`);
    await chmod(program, 0o755);
    await writeFile(file(".gitattributes"), "*.csv filter=own diff=own\n");
    for (const name of ["core.fsmonitor", "filter.own.clean", "diff.own.textconv", "gpg.program"]) {
      repository.run("config", name, program);
    }
    repository.run("config", "log.showSignature", "true");
    await writeFile(file("safe.csv"), "path,label\nc.jpg,wren\n");
    expect(await findGitRevision(file("safe.csv"))).to.deep.equal({ commit, modified: true });
    expect(existsSync(sign)).to.equal(false);
  });
});
