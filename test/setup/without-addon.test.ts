import { expect } from "chai";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TSX } from "../support/docs.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { Project } from "../support/installed-package.js";
import { writeRecordedRun } from "../support/recorded-run.js";
import { run } from "#lib/setup/run.js";

// As on a platform for which there is neither an addon nor a LibTorch.
describe("without an addon", () => {
  const folder = temporaryFolder();
  let project: Project;
  let env: NodeJS.ProcessEnv;

  before(async () => {
    project = await Project.make(join(folder(), "project"));
    env = { PATH: join(folder(), "nothing"), MCLOSS_CACHE: join(folder(), "cache"), HOME: folder() };
    await writeColorFolder(join(folder(), "photos"), 2);
    await writeRecordedRun(join(folder(), "one"));
    await writeRecordedRun(join(folder(), "two"), { epochs: 4, loss: { alpha: 1 } });
  });

  async function mcloss(...args: string[]): Promise<string> {
    const { code, output } = await project.mcloss(env, ...args);
    expect(code, `${args.join(" ")}\n${output}`).to.equal(0);
    return output;
  }

  it("the commands about data, recipes and runs work", async () => {
    expect(await mcloss("data", "verify", join(folder(), "photos"))).to.match(/images +6/);
    expect(await mcloss("recipes")).to.match(/cub200-resnet50/);
    expect(await mcloss("compare", join(folder(), "one"), join(folder(), "two"))).to.match(/one/);
    const page = join(folder(), "report.html");
    expect(await mcloss("report", join(folder(), "one"), "--out", page)).to.contain("report.html");
    expect(await mcloss("train", "--help")).to.match(/--learning-rate/);
  });

  it("a program describes networks, recipes, schedules and data", async () => {
    const file = join(project.folder, "program.mts");
    await writeFile(
      file,
      `import { ChannelGroups, resnet18 } from "mutual-channel-loss";
      import { ImageFolder, normalize, resize } from "mutual-channel-loss/data";
      import { learningRateFactor, loadRecipe } from "mutual-channel-loss/train";
      import { compareRuns, writeReport } from "mutual-channel-loss/report";
      const folder = ${JSON.stringify(folder())};
      const images = await ImageFolder.open(folder + "/photos");
      const recipe = await loadRecipe("cub200-resnet50");
      const spec = resnet18.spec({ classes: images.classes.length });
      const { groups } = await compareRuns([folder + "/one", folder + "/two"]);
      await writeReport([folder + "/one"], folder + "/page.html");
      console.log(JSON.stringify([images.classes, recipe.network.name, spec.layers.length > 0,
        [resize(8).type, normalize().type], ChannelGroups.uniform(2, 3).channels, groups.length,
        learningRateFactor({ type: "constant" }, { epoch: 1, epochs: 10, stepsPerEpoch: 10 })]));`,
    );
    const { code, stdout, output } = await run(process.execPath, ["--import", TSX, file], { env });
    expect(code, output).to.equal(0);
    const classes = ["blue", "green", "red"];
    const transforms = ["resize", "normalize"];
    expect(JSON.parse(stdout)).to.deep.equal([classes, "resnet50", true, transforms, 6, 2, 1]);
  });

  it("what computes says what is missing, and what to run", async () => {
    const { code, output } = await project.load(env);
    expect(code).to.equal(1);
    expect(output)
      .to.match(/the native addon is not there/)
      .and.match(/Run: npx mcloss setup/);
    const training = await project.mcloss(
      env,
      "train",
      join(folder(), "photos"),
      "--out",
      join(folder(), "run"),
    );
    expect(training.code).to.equal(1);
    expect(training.output).to.match(/the native addon is not there/);
  });
});
