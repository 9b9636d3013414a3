import { existsSync } from "node:fs";
import { chmod, cp, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { addonCandidates } from "#lib/addon/load.js";
import { readBuildInfo, type BuildInfo } from "#lib/addon/build-info.js";
import { run, type RunResult } from "#lib/setup/run.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PACKAGE = "mutual-channel-loss";

/** The folder of this checkout's addon, and what it was built for. */
export function ownAddon(): { folder: string; info: BuildInfo } {
  const folder = dirname(addonCandidates().find((path) => existsSync(path))!);
  return { folder, info: readBuildInfo(folder)! };
}

/** A project in which the package is installed, without its build tools. */
export class Project {
  constructor(readonly folder: string) {}

  static async make(folder: string): Promise<Project> {
    const project = new Project(folder);
    await mkdir(project.packageFolder, { recursive: true });
    for (const path of ["bin", "dist", "native", "lib/report/page.css", "CMakeLists.txt", "package.json"]) {
      const unpacked = [".d.ts", "native/test", "sources.sha256"];
      const filter = (source: string) => !unpacked.some((part) => source.includes(part));
      await cp(join(ROOT, path), join(project.packageFolder, path), { recursive: true, filter });
    }
    await linkDependencies(join(project.packageFolder, "node_modules"));
    return project;
  }

  get packageFolder(): string {
    return join(this.folder, "node_modules", PACKAGE);
  }

  /** Installs the platform's package, with one addon: `files` takes the place of this checkout's. */
  async addPrebuilt(info: Partial<BuildInfo> = {}, files: Record<string, string> = {}): Promise<void> {
    const own = ownAddon();
    const folder = join(this.folder, "node_modules", "@mutual-channel-loss", "linux-x64");
    const addon = join(folder, "addons", "torch-cpu");
    await mkdir(addon, { recursive: true });
    await writeFile(join(folder, "package.json"), JSON.stringify({ name: "@mutual-channel-loss/linux-x64" }));
    for (const name of ["mcloss.node", "libmcloss_ops.so"]) {
      await cp(files[name] ?? join(own.folder, name), join(addon, name));
    }
    const told = { ...own.info, buildSystem: "prebuilt", torchRoot: "", ...info };
    await writeFile(join(addon, "build-info.json"), JSON.stringify(told));
  }

  setup(env: NodeJS.ProcessEnv, ...args: string[]): Promise<RunResult> {
    return this.mcloss(env, "setup", ...args);
  }

  mcloss(env: NodeJS.ProcessEnv, ...args: string[]): Promise<RunResult> {
    return run(process.execPath, [join(this.packageFolder, "bin", "mcloss.js"), ...args], { env });
  }

  /** Imports the package, and adds two tensors. */
  load(env: NodeJS.ProcessEnv): Promise<RunResult> {
    const source = `import { tensor } from "${PACKAGE}"; console.log(tensor([20, 2]).sum().item());`;
    return run(process.execPath, ["--input-type=module", "--eval", source], { env, cwd: this.folder });
  }
}

/** All that is installed in the checkout, but for the platform's package: there it is a link to its sources. */
async function linkDependencies(folder: string): Promise<void> {
  await mkdir(folder);
  for (const name of await readdir(join(ROOT, "node_modules"))) {
    if (name !== "@mutual-channel-loss") await symlink(join(ROOT, "node_modules", name), join(folder, name));
  }
}

/** Programs that build in no time: a compiler that is only asked for its version, and a CMake that copies this checkout's addon. */
export class FakeTools {
  constructor(readonly bin: string) {}

  static async make(bin: string): Promise<FakeTools> {
    const tools = new FakeTools(bin);
    await mkdir(bin, { recursive: true });
    const { folder } = ownAddon();
    for (const name of ["c++", "g++"]) await tools.#write(name, 'echo "c++ 12.2"');
    await tools.#write("ninja", 'echo "1.11"');
    await tools.#write(
      "cmake",
      `case "$1" in
--version) echo "cmake version 3.25.1";;
--build) echo "[1/1] Building"; echo built >> "${tools.log}"; /bin/sleep "\${SLOW:-0}"; /bin/mkdir -p "$2/Release"
  /bin/cp "${join(folder, "mcloss.node")}" "${join(folder, "libmcloss_ops.so")}" "$2/Release";;
esac`,
    );
    return tools;
  }

  get log(): string {
    return join(this.bin, "builds.log");
  }

  /** How often something was built. */
  async builds(): Promise<number> {
    return existsSync(this.log) ? (await readFile(this.log, "utf8")).trim().split("\n").length : 0;
  }

  async #write(name: string, script: string): Promise<void> {
    await writeFile(join(this.bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(this.bin, name), 0o755);
  }
}
