import { expect } from "chai";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { create } from "tar";
import { fixture } from "../support/datasets.js";
import { blocks, projectFolder, readPage } from "../support/docs.js";
import { subpaths } from "../support/api.js";
import { writeColorFolder } from "../support/images.js";
import { mclossIn } from "../support/mcloss.js";

const page = readPage("docs/cli.md");
const QUICK = ["--image-size", "32", "--batch-size", "8", "--epochs", "1"];
const TUNE = [
  ...["photos/train", "--validation", "photos/test", ...QUICK, "--vary", "loss.beta=1,5"],
  ...["--epochs", "2", "--first-epochs", "1", "--halving", "2"],
];
// Each with what a reader would call it with; in this order, as a run is needed by those after it.
const COMMANDS: Record<string, string[]> = {
  train: ["photos/train", "--validation", "photos/test", ...QUICK, "--channel-health"],
  eval: ["runs/latest", "photos/test", "--channels"],
  visualize: ["runs/latest", "photos/test/red/0.png", "--by-class", "photos/test"],
  report: ["runs/latest"],
  compare: ["runs/latest"],
  ablate: ["photos/train", "--validation", "photos/test", ...QUICK, "--seeds", "0"],
  "find-rate": ["photos/train", "--image-size", "32", "--batch-size", "8", "--steps", "20"],
  crossval: ["photos/train", ...QUICK, "--folds", "2"],
  "data suspects": ["runs/crossval"],
  tune: TUNE,
  reproduce: ["default", "photos/train", "--validation", "photos/test", ...QUICK, "--seeds", "0"],
  export: ["runs/latest", "--format", "onnx", "--out", "photos.onnx"],
  "data verify": ["photos/train"],
  "data prepare": ["CUB_200_2011.tgz", "--any-checksum", "--allow-partial"],
  doctor: [],
  setup: [],
  demo: ["--epochs", "1"],
};
const LISTS = ["recipes", "predict", "weights"];

/** The keys in the table of a command's section, `name?` where it may be absent. */
function documentedKeys(command: string): string[] {
  const [, section = ""] = page.split(`\n### ${command === "ablate" ? "compare" : command}\n`);
  const [own = ""] = section.split("\n### ");
  const cells = own.split("\n").flatMap((line) => /^\| (`.*?) *\|/.exec(line)?.[1] ?? []);
  return cells.flatMap((cell) => [...cell.matchAll(/`(\w+\??)`/g)].map(([, key]) => key!));
}

describe("docs/cli.md", function () {
  this.timeout(300_000);
  const project = projectFolder();

  before(async () => {
    await writeColorFolder(project.path("photos", "train"), 4);
    await writeColorFolder(project.path("photos", "test"), 2);
    await create({ file: project.path("CUB_200_2011.tgz"), gzip: true, cwd: fixture(".") }, ["CUB_200_2011"]);
  });

  async function json(...args: string[]): Promise<string> {
    const { stdout, stderr } = await mclossIn(project.path(), ...args, "--json");
    expect(stdout, stderr).to.match(/^[[{]/);
    return stdout;
  }

  for (const [command, args] of Object.entries(COMMANDS)) {
    it(`has the keys of ${command} --json`, async () => {
      const stdout = await json(...command.split(" "), ...args);
      const texts = command === "train" ? stdout.trim().split("\n") : [stdout];
      const objects = texts.map((text) => JSON.parse(text) as Record<string, unknown>);
      const documented = documentedKeys(command);
      expect(documented).to.not.be.empty;
      for (const { format, ...object } of objects) {
        expect(format).to.equal(1);
        expect(documented.map((key) => key.replace("?", ""))).to.include.members(Object.keys(object));
        expect(object).to.include.keys(documented.filter((key) => !key.endsWith("?")));
      }
    });
  }

  it("names functions that there are, and a program that measures as eval does", async () => {
    const names = Object.assign({}, ...Object.values(subpaths)) as object;
    const functions = [...page.matchAll(/^\| `[a-z -]+` .*$/gm)].flatMap(([row]) => [
      ...row.matchAll(/`(\w+)\(\)`/g),
    ]);
    expect(functions).to.not.be.empty;
    for (const [, name] of functions) expect(names).to.have.property(name!).that.is.a("function");
    const [program] = blocks("docs/cli.md", "ts");
    const { accuracy } = JSON.parse(await json("eval", "runs/latest", "photos/test")) as { accuracy: number };
    expect(await project.program(program!)).to.contain(`accuracy: ${accuracy}`);
    expect(existsSync(project.path("confusion.png"))).to.equal(true);
  });

  it("tunes as it says: the better half goes on, and what is done is kept", async () => {
    const { trials } = JSON.parse(await json("tune", ...TUNE)) as {
      trials: { epochs: number; value: number }[];
    };
    expect(trials.map(({ epochs }) => epochs)).to.deep.equal([2, 1]);
    const lines = await Promise.all(
      [1, 2].map((trial) =>
        readFile(project.path("runs", "tune", `trial-${trial}`, "metrics.jsonl"), "utf8"),
      ),
    );
    expect(lines.map((text) => text.trim().split("\n").length)).to.have.members([1, 2]);
    const best = JSON.parse(await readFile(project.path("runs", "tune", "best.json"), "utf8")) as object;
    expect(best).to.include({ epochs: 2 });
  });

  it("says what predict --json lists", async () => {
    const [first] = JSON.parse(await json("predict", "runs/latest", "photos/test")) as [{ top: object[] }];
    expect(first).to.have.all.keys("path", "top");
    expect(first.top[0]).to.have.all.keys("name", "index", "probability");
    expect(page).to.contain("`{ path, top: [{ name, index, probability }], repaired? }`");
  });

  it("says what weights --json lists", async () => {
    const [first] = JSON.parse(await json("weights")) as [object];
    expect(Object.keys(first).join(", ")).to.match(
      /^network, name, file, size, resize, crop, documentation(, path)?$/,
    );
    expect(page).to.contain("`{ network, name, file, size, resize, crop, documentation, path? }`");
  });

  it("says what recipes --json lists, and that one of them is a file for --recipe", async () => {
    const all = JSON.parse(await json("recipes")) as object[];
    expect(all[0]).to.include({ name: "default" }).and.not.have.property("format");
    expect(JSON.parse(await json("recipes", "default"))).to.deep.equal({ format: 1, ...all[0] });
  });

  it("has every command that --help lists", async () => {
    const { stdout } = await mclossIn(project.path(), "--help");
    const [, list = ""] = stdout.split("Commands:\n");
    const commands = [...list.matchAll(/^ {2}([\w-]+) /gm)].map(([, name]) => name!);
    const tested = [...Object.keys(COMMANDS), ...LISTS].map((command) => command.split(" ")[0]!);
    expect(commands.filter((name) => name !== "help")).to.have.members([...new Set(tested)]);
    for (const command of [...Object.keys(COMMANDS), ...LISTS])
      expect(page).to.contain(`\n| \`${command}\` `).and.contain(`\n### ${command}\n`);
  });
});
