import { expect } from "chai";
import { stat } from "node:fs/promises";
import { join } from "node:path";
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

  it("train draws a bar with ETA, throughput and the terms of the loss, and leaves the result", async () => {
    const { code, sent, screen } = await runOnTerminal([...TRAIN, "--out", "run"], { cwd: folder() });
    expect(code, screen).to.equal(0);
    expect(sent).to.match(
      /\d+% · ETA \S+ · loss [\d.]+ \(CE [\d.]+ · L_dis [\d.]+ · L_div [\d.]+\) · \d+ images\/s/,
    );
    // The bar is cleared and the cursor shown again.
    expect(screen).not.to.contain("ETA");
    expect(sent).to.contain(`${ESCAPE}?25h`);
    expect(screen).to.contain("run");
  });

  it("Ctrl-C finishes the step, keeps the run and says how to go on; the cursor is shown again", async () => {
    let asked = false;
    const { code, sent, screen } = await runOnTerminal([...TRAIN, "--epochs", "500", "--out", "stopped"], {
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
