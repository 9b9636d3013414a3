import { expect } from "chai";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import stringWidth from "string-width";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { runOnTerminal } from "../support/terminal.js";

const ESCAPE = "\u001b[";
const CTRL_C = "\u0003";
const TRAIN = ["train", "colors", "--epochs", "3", "--batch-size", "8", "--image-size", "32"];

describe("mcloss on a terminal", () => {
  const folder = temporaryFolder();
  before(() => writeColorFolder(join(folder(), "colors")));

  it("colours its help and its errors, and not where NO_COLOR is set", async () => {
    const help = await runOnTerminal(["--help"], { cwd: folder() });
    expect(help.sent).to.contain(`${ESCAPE}1mCommands:`);
    const error = await runOnTerminal(["predict", "nothing", "nothing.png"], { cwd: folder() });
    expect(error.code).to.equal(1);
    expect(error.sent).to.contain(`${ESCAPE}31mmcloss:`);
    for (const args of [["--help"], ["predict", "nothing", "nothing.png"]]) {
      const plain = await runOnTerminal(args, { cwd: folder(), env: { NO_COLOR: "1" } });
      expect(plain.sent).not.to.contain(`${ESCAPE}3`).and.not.to.contain(`${ESCAPE}1m`);
    }
  });

  it("shows every command's help, and the recipes, in 80 columns", async () => {
    const commands = [
      "",
      "train",
      "ablate",
      "compare",
      "recipes",
      "eval",
      "predict",
      "report",
      "visualize",
      "export",
    ];
    for (const args of [
      ...commands.map((command) => [...command.split(" ").filter(Boolean), "--help"]),
      ["recipes"],
    ]) {
      const { sent } = await runOnTerminal(args, { cwd: folder(), columns: 80 });
      const lines = stripVTControlCharacters(sent).split(/\r?\n/);
      // What is to be copied is not broken.
      const wide = lines.filter(
        (line) => stringWidth(line) > 80 && !/^ {2}(mcloss|find|LIBTORCH)/.test(line),
      );
      expect(wide, args.join(" ")).to.deep.equal([]);
    }
  });

  it("train draws a bar with ETA, throughput and the terms of the loss, and leaves the result", async () => {
    const { code, sent, screen } = await runOnTerminal([...TRAIN, "--out", "run"], { cwd: folder() });
    expect(code, screen).to.equal(0);
    expect(sent).to.match(
      /training [█░]+ \d+% · ETA \S+ s · training [\d.]+ % · \d+ images\/s · epoch [23]\/3 · CE [\d.]+ · L_dis [\d.]+ · L_div/,
    );
    // The bar is cleared and the cursor shown again.
    expect(screen).not.to.contain("ETA");
    expect(sent).to.contain(`${ESCAPE}?25h`);
    expect(screen).to.match(
      /^24 images of 3 classes .*\naccuracy +best +last\ntraining images +[\d.]+ % +epoch \d/,
    );
    expect(screen).to.match(/^next +mcloss report run --images colors$/m);
  });

  for (const columns of [40, 60, 80, 120]) {
    it(`train fits its bar, with accuracy, into ${columns} columns`, async () => {
      const drawn = new Set<string>();
      const { code, screen } = await runOnTerminal([...TRAIN, "--epochs", "8", "--out", `run-${columns}`], {
        cwd: folder(),
        columns,
        onScreen: (rows, chunk) => {
          // A bar is whole once the rest of its line is cleared.
          if (!chunk.endsWith(`${ESCAPE}0K`)) return;
          rows.filter((row) => row.includes("ETA")).forEach((row) => drawn.add(row));
        },
      });
      expect(code, screen).to.equal(0);
      const bars = [...drawn];
      expect(
        bars.some((bar) => / · training \d+\.\d\d %( · |$)/.test(bar)),
        bars.join("\n"),
      ).to.equal(true);
      // Nothing is cut: all that there is ends as it should.
      const whole =
        /^(training )?([█░]{8,24} )?\d+%( · (ETA (–|[\d a-z]+)|training \d+\.\d\d %|\d+ images\/s|epoch \d\/8|(CE|L_dis|L_div|loss) \d+\.\d{3}))+$/;
      for (const bar of bars) expect(bar).to.match(whole);
      if (columns >= 80) expect(bars.some((bar) => /training \d.* images\/s/.test(bar))).to.equal(true);
    });
  }

  it("Ctrl-C finishes the step, keeps the run and says how to go on; the cursor is shown again", async () => {
    let asked = false;
    const { code, sent, screen } = await runOnTerminal([...TRAIN, "--epochs", "100000", "--out", "stopped"], {
      cwd: folder(),
      type: (sofar) => {
        if (asked || !sofar.includes("images/s")) return undefined;
        asked = true;
        return CTRL_C;
      },
    });
    expect(code, screen).to.equal(130);
    expect(screen).to.contain("stopping after this step").and.to.contain("go on");
    expect(sent).to.contain(`${ESCAPE}?25h`);
    expect((await stat(join(folder(), "stopped", "checkpoints", "last.safetensors"))).isFile()).to.equal(
      true,
    );
  });
});
