import { expect } from "chai";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { dataVersion, findOrigin, type DataVersion } from "#lib/data/data-version.js";
import { openTrainingSets } from "#lib/data/training-sets.js";
import { GitRepository, hasGit } from "../support/git.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";

const folder = temporaryFolder();
async function versionOf(dir: string, options: { kind?: "folder" } = {}): Promise<DataVersion> {
  const { images, source } = await openTrainingSets({ dir, ...options });
  return dataVersion(await findOrigin(source), images);
}

describe("dataVersion", () => {
  it("counts the images and hashes their list, wherever the folder is", async () => {
    const [here, there] = [join(folder(), "here"), join(folder(), "there")];
    await writeColorFolder(here, 2);
    await cp(here, there, { recursive: true });
    const version = await versionOf(here);
    expect(version.count).to.equal(6);
    expect(version.sha256).to.match(/^[0-9a-f]{64}$/);
    expect(await versionOf(there)).to.deep.equal(version);
    await cp(join(here, "red/0.png"), join(there, "red/2.png"));
    expect((await versionOf(there)).sha256).to.not.equal(version.sha256);
  });

  it("tells the git revision of a manifest", async function () {
    if (!hasGit()) return this.skip(); // git is not installed
    const commit = await new GitRepository(folder()).commit(
      "manifest.csv",
      "path,label\na.jpg,wren\nb.jpg,jay\n",
    );
    const version = await versionOf(folder());
    expect(version).to.deep.include({ count: 2, manifest: { commit, modified: false } });
    expect(await versionOf(join(folder(), "manifest.csv"))).to.deep.equal(version);
    expect(await versionOf(folder(), { kind: "folder" })).to.not.have.property("manifest");
  });
});
