import { expect } from "chai";
import { access, rm } from "node:fs/promises";
import { blocks, projectFolder } from "../support/docs.js";
import { writeColorFolder } from "../support/images.js";

// Whether their steps work is for `npm run check:docker`.
describe("docs/docker.md's Dockerfiles", () => {
  const project = projectFolder();
  const files = blocks("docs/docker.md", "dockerfile");

  it("end as a user who is not root, in what images of Debian have", () => {
    expect(files).to.have.length(3);
    for (const file of files) {
      expect(file).to.match(/^USER node$/m);
      expect(file).to.match(/^FROM node:\d+-\w+-slim$/m);
      expect(file.indexOf("USER node")).to.be.greaterThan(file.lastIndexOf("\nRUN "));
    }
  });

  it("start a training", async () => {
    await writeColorFolder(project.path("photos", "train"));
    await writeColorFolder(project.path("photos", "test"), 3);
    const started = files.map((file) => {
      const words = JSON.parse(/^CMD (.*)$/m.exec(file)![1]!) as string[];
      return /mcloss train .*/.exec(words.join(" "))![0];
    });
    for (const command of new Set(started)) {
      await project.commands([`npx ${command}`], () => ["--epochs", "1"]);
      await access(project.path("runs", "photos", "run.json"));
      await rm(project.path("runs"), { recursive: true });
    }
  });
});
