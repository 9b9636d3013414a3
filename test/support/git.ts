import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A git repository in a folder. */
export class GitRepository {
  constructor(readonly folder: string) {
    this.run("init", "--quiet");
  }

  /** What the command prints. */
  run(...args: readonly string[]): string {
    const who = ["-c", "user.name=test", "-c", "user.email=test@example.org"];
    return execFileSync("git", ["-C", this.folder, ...who, ...args], { encoding: "utf8" }).trim();
  }

  /** Writes a file and commits it. @returns the commit */
  async commit(name: string, text: string): Promise<string> {
    await writeFile(join(this.folder, name), text);
    this.run("add", "--", name);
    this.run("commit", "--quiet", "--message", name);
    return this.run("rev-parse", "HEAD");
  }
}

/** Whether git is installed. */
export function hasGit(): boolean {
  try {
    execFileSync("git", ["--version"]);
    return true;
  } catch {
    return false;
  }
}
