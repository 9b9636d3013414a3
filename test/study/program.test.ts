import { expect } from "chai";
import { CommanderError, type Command } from "commander";
import { join } from "node:path";
import { studyProgram } from "../../bench/study/program.js";
import { logged } from "../support/console.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";

/** What the command printed. */
async function run(...args: string[]): Promise<string> {
  const printed: string[] = [];
  const configure = (command: Command): void => {
    command.exitOverride();
    command.configureOutput({
      writeOut: (text) => printed.push(text),
      writeErr: (text) => printed.push(text),
    });
    command.commands.forEach(configure);
  };
  const program = studyProgram();
  configure(program);
  const lines = await logged(() =>
    program.parseAsync(args, { from: "user" }).catch((error: unknown) => {
      if (!(error instanceof CommanderError)) throw error;
    }),
  );
  return [...printed, ...lines].join("\n");
}

describe("the command line of the studies", () => {
  const folder = temporaryFolder();

  it("lists the studies", async () => {
    expect(await run("--help")).to.match(/emoji-avg[^]*cub100 [^]*cub50-scratch[^]*finetune[^]*report/);
  });

  it("hands a study's options to it: which runs are left, and what they cost", async () => {
    await writeColorFolder(join(folder(), "train"), 2);
    await writeColorFolder(join(folder(), "test"), 2);
    const few = ["--arms", "ce,mc", "--seeds", "0..2", "--epochs", "2", "--stage", "rates,test"];
    const printed = await run("cub100-scratch", "--images", folder(), ...few, "--plan");
    expect(printed).to.match(/^rates: 10 runs left, [^]*\ntest: 6 runs left, [^]*\ntogether /);
  });

  it("says what an option takes", async () => {
    const images = ["--images", folder()];
    const cases: [string[], RegExp][] = [
      [["emoji"], /Allowed choices are emoji-avg, /],
      [["cub100"], /required option '--images <dir>'/],
      [["cub100", ...images, "--losses", "ce,mc"], /It takes ce, mc:β, .* not "mc"/],
      [["cub100", ...images, "--epochs", "many"], /It must be a positive integer/],
      [["cub100-scratch", ...images, "--arms", "ce,cee"], /It takes ce, ce-widened, .* not "cee"/],
      [["cub50-scratch", ...images, "--stage", "all"], /It takes rates, test, .* not "all"/],
      [["gradients", ...images, "--name", "x", "--checkpoints", "file"], /It takes NAME=FILE, .* not "file"/],
    ];
    for (const [args, problem] of cases) expect(await run(...args), args.join(" ")).to.match(problem);
  });
});
