import { expect } from "chai";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./images.js";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const TSX = createRequire(import.meta.url).resolve("tsx");
const MCLOSS = join(ROOT, "bin", "mcloss.js");

/** A page's text. */
export function readPage(page: string): string {
  return readFileSync(join(ROOT, page), "utf8");
}

/** The code of a page's blocks in one language. */
export function blocks(page: string, language: string): string[] {
  const code = new RegExp("^```" + language + "\\n(.*?)^```$", "gms");
  return [...readPage(page).matchAll(code)].map(([, block]) => block!);
}

/** The lines of a page's shell blocks, each of which is a command. */
export function commandsOf(page: string): string[] {
  const commands = blocks(page, "sh").flatMap((block) => block.trim().split("\n"));
  expect(commands, page).to.not.be.empty;
  return commands;
}

/** A folder that is gone after the suite, in which the package is installed as in a reader's project. */
export function projectFolder(): Project {
  const folder = temporaryFolder();
  before(async () => {
    await mkdir(join(folder(), "node_modules"));
    await symlink(ROOT, join(folder(), "node_modules", "mutual-channel-loss"));
  });
  return new Project(folder);
}

/** Runs what pages say, in a reader's project. */
export class Project {
  readonly #folder: () => string;

  constructor(folder: () => string) {
    this.#folder = folder;
  }

  path(...parts: string[]): string {
    return join(this.#folder(), ...parts);
  }

  /** Runs Node. @returns what it printed, on both streams; it must have exited with 0 */
  async node(...args: string[]): Promise<string> {
    const child = spawn(process.execPath, args, { cwd: this.#folder() });
    const [stdout, stderr] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "close"),
    ]);
    expect(child.exitCode, `${args.join(" ")}\n${stdout}${stderr}`).to.equal(0);
    return stdout + stderr;
  }

  /** Runs a program in TypeScript from the project's folder. */
  async program(code: string): Promise<string> {
    const file = this.path("program.mts");
    await writeFile(file, code);
    return this.node("--import", TSX, file);
  }

  /** Runs commands, `npx mcloss ...` each. @param extra what is given besides, for small data */
  async commands(
    commands: readonly string[],
    extra: (command: string) => string[] = () => [],
  ): Promise<void> {
    for (const command of commands) {
      const [npx, mcloss, ...args] = command.split(" ");
      expect([npx, mcloss], command).to.deep.equal(["npx", "mcloss"]);
      await this.node(MCLOSS, ...args, ...extra(command));
    }
  }
}
