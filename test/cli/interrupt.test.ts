import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { saveModel, smallResNet } from "mutual-channel-loss";
import { normalize } from "mutual-channel-loss/data";
import { runModule } from "../support/child.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { mclossIn } from "../support/mcloss.js";

const folder = temporaryFolder();
const INTERRUPT = JSON.stringify(new URL("../../dist/cli/interrupt.js", import.meta.url).href);

function makePipe(name: string): string {
  const path = join(folder(), name);
  execFileSync("mkfifo", [path]);
  return path;
}

describe("interrupting a command", () => {
  const held = {
    "a wait": "setInterval(() => undefined, 1000)",
    // process.exit() would wait for these threads.
    "threads that wait for a pipe": "for (let i = 0; i < 4; i += 1) open(process.env.PIPE, () => undefined)",
    "a computation that does not end": "for (;;);",
  };
  for (const [name, source] of Object.entries(held)) {
    it(`aborts its signal at first, and at the second time ends the process: ${name}`, async () => {
      const program = `
        import { open } from "node:fs";
        import { interruptSignal } from ${INTERRUPT};
        const waiting = setInterval(() => undefined, 1000);
        interruptSignal().addEventListener("abort", () => {
          process.stdout.write("aborted", () => { ${source} });
        });
        process.stdout.write("ready");`;
      const { code, signal, output, errors } = await runModule(program, {
        env: { PIPE: makePipe(`pipe ${name}`) },
        onOutput: (_, kill) => kill("SIGINT"),
      });
      expect(output).to.equal("readyaborted");
      expect([code, signal]).to.deep.equal([null, "SIGINT"]);
      expect(errors).to.match(/press Ctrl-C again to leave at once/);
    });
  }
});

describe("a pipe in place of a file", () => {
  before(async () => {
    await writeColorFolder(join(folder(), "photos"), 2);
    const info = { classNames: ["blue", "green", "red"], normalization: normalize() };
    using model = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 16, info });
    await saveModel(model, join(folder(), "model.safetensors"));
    for (const name of ["pipe.jpg", "pipe.csv", "pipe.yaml", "pipe.safetensors", "pipe.pth"]) makePipe(name);
    await mkdir(join(folder(), "piped"));
    await writeColorFolder(join(folder(), "piped"), 2);
    makePipe("piped/red/2.png");
  });

  const commands: [string, string[]][] = [
    ["an image to predict", ["predict", "model.safetensors", "pipe.jpg", "--on-bad-image", "error"]],
    ["an image to train with", ["train", "piped", "--epochs", "1", "--image-size", "32"]],
    ["a manifest", ["train", "pipe.csv"]],
    ["a recipe", ["train", "photos", "--recipe", "pipe.yaml"]],
    ["weights", ["train", "photos", "--weights", "pipe.pth"]],
    ["a checkpoint", ["predict", "pipe.safetensors", "photos"]],
    ["an archive", ["data", "prepare", "pipe.csv", "--out", "data"]],
  ];
  for (const [name, args] of commands) {
    it(`is refused at once and named, as ${name}`, async () => {
      const { code, stderr } = await mclossIn(folder(), ...args);
      expect(code, stderr).to.be.oneOf([1, 2]);
      expect(stderr)
        .to.match(/(pipe\.\w+|red\/2\.png)/)
        .and.match(/pipe, not a file|is no file/);
    });
  }
});
