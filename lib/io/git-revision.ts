import { execFile } from "node:child_process";
import { realpath } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { promisify } from "node:util";

/** A file's version in the git repository that keeps it. */
export interface GitRevision {
  /** The last commit that changed the file. */
  commit: string;
  /** Whether its bytes are others than those of the branch that is checked out. */
  modified: boolean;
}

/** Undefined where no git repository keeps the file, and where there is no git. */
export async function findGitRevision(path: string): Promise<GitRevision | undefined> {
  try {
    const file = await realpath(path);
    const [folder, name] = [dirname(file), basename(file)];
    const [commit, kept, now] = await Promise.all([
      git(folder, "rev-list", "-1", "HEAD", "--", name),
      git(folder, "rev-parse", `HEAD:./${name}`),
      git(folder, "hash-object", "--no-filters", "--", name),
    ]);
    return { commit, modified: kept !== now };
  } catch {
    return undefined;
  }
}

/** Data come from anywhere: no command here runs a program, or asks a server, that the repository's own settings name. */
async function git(folder: string, ...args: readonly string[]): Promise<string> {
  const env = { ...process.env, GIT_ALLOW_PROTOCOL: "none", GIT_OPTIONAL_LOCKS: "0" };
  const { stdout } = await promisify(execFile)("git", ["--literal-pathspecs", ...args], {
    cwd: folder,
    env,
    timeout: 10_000,
  });
  return stdout.trim();
}
