import { expect } from "chai";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { temporaryFolder, writeColorFolder } from "../support/images.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const MCLOSS = join(root, "bin", "mcloss.js");
const TSX = createRequire(import.meta.url).resolve("tsx");
// What .ci/run runs by itself, from a clean checkout.
const RUN_BY_THE_GATE = ["npm run demo", "npm cit"];

const folder = temporaryFolder();

function blocks(file: string, language: string): string[] {
  const markdown = readFileSync(join(root, file), "utf8");
  return [...markdown.matchAll(new RegExp("^```" + language + "\\n(.*?)^```$", "gms"))].map(
    ([, code]) => code!,
  );
}

async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, args, { cwd: folder() });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code: child.exitCode, output: stdout + stderr };
}

describe("README's code", () => {
  before(async () => {
    await writeColorFolder(join(folder(), "photos", "train"));
    await writeColorFolder(join(folder(), "photos", "test"), 3);
  });

  it("is that of examples/", () => {
    const examples = ["train.ts", "loss.ts"].map((name) =>
      readFileSync(join(root, "examples", name), "utf8"),
    );
    expect(blocks("README.md", "ts")).to.deep.equal(examples);
  });

  it("runs: examples/train.ts trains and prints every epoch", async () => {
    const { code, output } = await run("--import", TSX, join(root, "examples", "train.ts"));
    expect(code, output).to.equal(0);
    expect(output.trim().split("\n")).to.have.length(10);
    expect(output).to.match(/^10 \d+\.\d+ (0\.\d+|1)$/m);
  });

  it("runs: examples/loss.ts prints the three terms and the gradient's shape", async () => {
    const { code, output } = await run("--import", TSX, join(root, "examples", "loss.ts"));
    expect(code, output).to.equal(0);
    expect(output).to.match(/^\d+\.\d+ \d+\.\d+ 0\.\d+ \[ 4, 18, 7, 7 \]$/m);
  });

  for (const file of ["README.md", "CONTRIBUTING.md"]) {
    it(`runs: the commands of ${file}`, async function () {
      this.timeout(60_000);
      const commands = blocks(file, "sh").flatMap((block) => block.trim().split("\n"));
      expect(commands).to.not.be.empty;
      for (const command of commands.filter((line) => !RUN_BY_THE_GATE.includes(line))) {
        const [npx, mcloss, ...args] = command.split(" ");
        expect([npx, mcloss], command).to.deep.equal(["npx", "mcloss"]);
        const { code, output } = await run(MCLOSS, ...args);
        expect(code, `${command}\n${output}`).to.equal(0);
      }
    });
  }
});
