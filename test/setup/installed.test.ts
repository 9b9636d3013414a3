import { expect } from "chai";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Diagnosis } from "#lib/setup/doctor.js";
import { run } from "#lib/setup/run.js";
import type { SetupResult } from "#lib/setup/setup.js";
import { temporaryFolder } from "../support/images.js";
import { FakeTools, ownAddon, Project } from "../support/installed-package.js";

const folder = temporaryFolder();
const path = (...names: string[]) => join(folder(), ...names);

let tools: FakeTools;
let count = 0;

before(async () => {
  tools = await FakeTools.make(path("tools"));
});

const resultOf = ({ stdout }: { stdout: string }) => JSON.parse(stdout) as SetupResult;

/** Where nothing of this machine is found but the tools and this checkout's LibTorch, and the cache is empty. */
function environment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const cache = path(`cache-${(count += 1)}`);
  return { PATH: tools.bin, MCLOSS_CACHE: cache, LIBTORCH: ownAddon().info.torchRoot, ...extra };
}

describe("setup of an installed package", () => {
  let project: Project;

  before(async () => {
    project = await Project.make(path("project"));
  });

  beforeEach(() => rm(tools.log, { force: true }));

  it("builds in the cache, once for all projects and for installing anew", async () => {
    const env = environment();
    const first = await project.setup(env, "--json");
    expect(first.code, first.output).to.equal(0);
    expect(resultOf(first)).to.include({ built: true, buildSystem: "cmake", compiler: "c++ 12.2" });
    expect((await project.load(env)).stdout).to.equal("22\n");
    expect(existsSync(join(project.packageFolder, "build"))).to.equal(false);

    const other = await Project.make(path("other"));
    expect((await other.load(env)).stdout).to.equal("22\n");
    const again = await other.setup(env, "--json");
    expect(resultOf(again)).to.include({ built: false, addon: resultOf(first).addon });
    expect(again.output).to.match(/nothing to do: the addon .* is there already/);
    expect(await tools.builds()).to.equal(1);
  });

  it("builds anew for another compiler, other sources, and when it is told to", async () => {
    const env = environment();
    await project.setup(env);
    await project.setup({ ...env, CXX: join(tools.bin, "c++") });
    expect(await tools.builds()).to.equal(1);
    await writeFile(join(tools.bin, "clang++"), '#!/bin/sh\necho "clang 15"\n');
    await chmod(join(tools.bin, "clang++"), 0o755);
    await project.setup({ ...env, CXX: "clang++" });
    expect(await tools.builds()).to.equal(2);
    await project.setup(env, "--force");
    expect(await tools.builds()).to.equal(3);
    const changed = await Project.make(path("changed"));
    await writeFile(join(changed.packageFolder, "native", "sources.json"), "{}");
    expect((await changed.load(env)).output).to.match(/an addon of this version in .*addons: has none/);
    await changed.setup(env);
    expect(await tools.builds()).to.equal(4);
  });

  it("builds once where two are set up at the same time", async () => {
    const env = environment({ SLOW: "1" });
    const results = await Promise.all([project.setup(env, "--json"), project.setup(env, "--json")]);
    expect(results.map(({ code }) => code)).to.deep.equal([0, 0]);
    expect(results.map((result) => resultOf(result).built).sort()).to.deep.equal([false, true]);
    expect(results.map(({ output }) => output).join()).to.match(/waiting for another setup/);
    expect(await tools.builds()).to.equal(1);
    expect((await readdir(join(env["MCLOSS_CACHE"]!, "addons"))).length).to.equal(1);
  });

  it("works in folders with spaces, signs and letters of all kinds", async () => {
    const name = "a b #1 100% ünï 图";
    const strange = await Project.make(path(name, "project"));
    await symlink(ownAddon().info.torchRoot, path(name, "LibTorch #2"));
    const env = environment({ MCLOSS_CACHE: path(name, "cache"), LIBTORCH: path(name, "LibTorch #2") });
    const { code, output } = await strange.setup(env);
    expect(code, output).to.equal(0);
    expect((await strange.load(env)).stdout).to.equal("22\n");
  });

  it("says what it chose and why, and something at least every two seconds", async () => {
    const env = environment({ SLOW: "3" });
    const { output } = await project.setup(env);
    expect(output)
      .to.match(/LibTorch 2\.\S+: .*, as \$LIBTORCH says/)
      .and.match(/building the addon with cmake/)
      .and.match(/: 100 %, 2 s\n/)
      .and.match(/ready after \d+/);
  });

  it("lets every user read what it wrote", async () => {
    const env = environment();
    await project.setup(env);
    const store = join(env["MCLOSS_CACHE"]!, "addons");
    const [name = ""] = await readdir(store);
    for (const file of ["", "mcloss.node", "libmcloss_ops.so"]) {
      expect((await stat(join(store, name, file))).mode & 0o777).to.equal(0o755);
    }
  });

  it("names the folder that cannot be written before it downloads", async () => {
    await writeFile(path("file"), "");
    const { code, output } = await project.setup(
      environment({ MCLOSS_CACHE: path("file", "cache"), LIBTORCH: "" }),
    );
    expect(code).to.equal(1);
    expect(output)
      .to.match(/file\/cache cannot be written: \S+\/file takes no new folders: not a directory/)
      .and.match(/MCLOSS_CACHE=/)
      .and.not.match(/download/);
  });

  it("names the tools that are missing before it downloads", async () => {
    const env = environment({ PATH: path("nothing"), LIBTORCH: "" });
    const { code, output } = await project.setup(env);
    expect(code).to.equal(1);
    expect(output)
      .to.match(/needs g\+\+ and make and cmake/)
      .and.match(/apt-get install g\+\+ make cmake/)
      .and.not.match(/download/);
  });

  it("takes a LibTorch whose path starts like that of the one it was built with for another one", async () => {
    const env = environment();
    await mkdir(path("opt"));
    for (const name of ["libtorch", "libtorch-2"])
      await symlink(ownAddon().info.torchRoot, path("opt", name));
    await project.setup({ ...env, LIBTORCH: path("opt", "libtorch-2") });
    const second = await project.setup({ ...env, LIBTORCH: path("opt", "libtorch") }, "--json");
    expect(resultOf(second)).to.include({ built: true, torchRoot: path("opt", "libtorch") });
  });

  it("says of a LibTorch of another user that it may not be read", async function () {
    if (process.getuid?.() !== 0) this.skip();
    const env = environment({ MCLOSS_CACHE: path("shared"), LIBTORCH: path("private", "libtorch") });
    await mkdir(path("private"));
    await symlink(ownAddon().info.torchRoot, path("private", "libtorch"));
    await project.setup(env);
    await chmod(path("private"), 0o700);
    await chmod(folder(), 0o755);
    const loader = new URL("../../dist/addon/load.js", import.meta.url).href;
    const [name = ""] = await readdir(path("shared", "addons"));
    const addon = path("shared", "addons", name, "mcloss.node");
    const source = `process.setuid(65534); const { loadAddon } = await import(${JSON.stringify(loader)});
      try { loadAddon([${JSON.stringify(addon)}]); } catch (error) { console.log(error.message); }`;
    const { output } = await run(process.execPath, ["--input-type=module", "--eval", source]);
    expect(output).to.match(/cannot be read in .*private\/libtorch: permission denied/);
  });
});

describe("doctor in an installed package", () => {
  const problemsOf = async (project: Project, env: NodeJS.ProcessEnv) => {
    const { stdout } = await project.mcloss(env, "doctor", "--json");
    return (JSON.parse(stdout) as Diagnosis).problems;
  };

  it("says of a $LIBTORCH that is none what setup says, and nothing that contradicts it", async () => {
    const project = await Project.make(path("doctor"));
    await mkdir(path("rubbish"));
    const env = environment({ LIBTORCH: path("rubbish") });
    const problems = await problemsOf(project, env);
    expect(problems.map(({ fix }) => fix)).to.deep.equal(["unset LIBTORCH", "npx mcloss setup"]);
    expect(problems[0]!.problem).to.match(/LIBTORCH is set to .*rubbish, which has no lib\/libtorch_cpu\.so/);
    expect((await project.setup(env)).output).to.contain(problems[0]!.problem);
  });

  it("misses no tools where a prebuilt addon makes them needless", async () => {
    const project = await Project.make(path("doctor-prebuilt"));
    const env = environment({ PATH: path("nothing") });
    const names = async () => (await problemsOf(project, env)).map(({ problem }) => problem);
    expect(await names()).to.deep.equal(["no C++ compiler", "no CMake", "the addon is not there"]);
    await project.addPrebuilt();
    expect(await names()).to.deep.equal(["the addon is not there"]);
  });
});

describe("a prebuilt addon", () => {
  /** Without tools. */
  const bare = (extra: NodeJS.ProcessEnv = {}) => environment({ PATH: path("nothing"), ...extra });
  const entries = (env: NodeJS.ProcessEnv) => readdir(join(env["MCLOSS_CACHE"]!, "addons"));

  it("is taken by setup without any tools", async () => {
    const project = await Project.make(path("prebuilt"));
    await project.addPrebuilt();
    const env = bare();
    const first = await project.setup(env, "--json");
    expect(first.code, first.output).to.equal(0);
    expect(resultOf(first)).to.include({ built: false, buildSystem: "prebuilt" });
    expect((await project.load(env)).stdout).to.equal("22\n");
    expect((await project.setup(env)).output).to.match(
      /nothing to do: .*from @mutual-channel-loss\/linux-x64/,
    );
  });

  it("is set up again without tools where its LibTorch went, by the command that the error and doctor name", async () => {
    const project = await Project.make(path("moved"));
    await project.addPrebuilt();
    for (const name of ["before", "after"]) await symlink(ownAddon().info.torchRoot, path(name));
    const env = bare({ LIBTORCH: path("before") });
    await project.setup(env);
    await rm(path("before"));
    const moved = { ...env, LIBTORCH: "" };
    expect((await project.load(moved)).output).to.match(
      /cannot be read in .*Set it up again: npx mcloss setup$/m,
    );
    const { stdout } = await project.mcloss(moved, "doctor", "--json");
    expect((JSON.parse(stdout) as Diagnosis).problems[0]!.fix).to.equal("npx mcloss setup");
    const again = { ...env, LIBTORCH: path("after") };
    expect((await project.setup(again)).code).to.equal(0);
    expect((await project.load(again)).stdout).to.equal("22\n");
  });

  it("loads without setup where a LibTorch is in the cache, and is tried once", async () => {
    const project = await Project.make(path("unset"));
    await project.addPrebuilt();
    const env = bare({ LIBTORCH: "" });
    await mkdir(env["MCLOSS_CACHE"]!);
    await symlink(ownAddon().info.torchRoot, join(env["MCLOSS_CACHE"]!, "libtorch-2.13.0-cpu"));
    expect((await project.load(env)).stdout).to.equal("22\n");
    const made = await entries(env);
    expect(made.length).to.equal(1);
    // Nothing else is needed from now on.
    await rm(join(project.folder, "node_modules", "@mutual-channel-loss"), { recursive: true });
    expect((await project.load(env)).stdout).to.equal("22\n");
    expect(await entries(env)).to.deep.equal(made);
  });

  it("that crashes takes nothing with it, is told, and is not tried at each start", async function () {
    const source = "__attribute__((constructor)) static void crash(void) { __builtin_trap(); }\n";
    await writeFile(path("crash.c"), source);
    const compiled = await run("cc", ["-shared", "-fPIC", "-o", path("crash.node"), path("crash.c")]);
    if (compiled.code !== 0) this.skip();
    const project = await Project.make(path("crashing"));
    await project.addPrebuilt({}, { "mcloss.node": path("crash.node") });
    const env = bare();
    const { code, output } = await project.load(env);
    expect(code).to.equal(1);
    expect(output).to.match(
      /a prebuilt one in @mutual-channel-loss\/linux-x64: it ends the process with SIGILL/,
    );
    const [refusal = ""] = await entries(env);
    expect(await readFile(join(env["MCLOSS_CACHE"]!, "addons", refusal), "utf8")).to.match(/SIGILL/);
    await writeFile(join(env["MCLOSS_CACHE"]!, "addons", refusal), "remembered");
    expect((await project.load(env)).output).to.match(/linux-x64: remembered/);
    expect((await project.setup(env)).output).to.match(/the prebuilt addon is not taken: it ends .* SIGILL/);
    await project.setup({ ...env, PATH: tools.bin });
    expect((await project.load(env)).stdout).to.equal("22\n");
  });

  it("that takes long to load leaves nobody without a word", async function () {
    const source = `#include <unistd.h>
      __attribute__((constructor)) static void wait(void) { sleep(3); __builtin_trap(); }\n`;
    await writeFile(path("slow.c"), source);
    const compiled = await run("cc", ["-shared", "-fPIC", "-o", path("slow.node"), path("slow.c")]);
    if (compiled.code !== 0) this.skip();
    const project = await Project.make(path("slow"));
    await project.addPrebuilt({}, { "mcloss.node": path("slow.node") });
    const { output } = await project.setup(bare());
    expect(output)
      .to.match(/trying the prebuilt addon for LibTorch \S+: 2 s\n/)
      .and.match(/the prebuilt addon is not taken: it ends the process with SIGILL/);
  });

  it("of a checkout's sources is taken in place of a build, until they change", async () => {
    const project = await Project.make(path("checkout"));
    await writeFile(join(project.packageFolder, "binding.gyp"), "{}");
    await project.addPrebuilt();
    const env = bare();
    expect(resultOf(await project.setup(env, "--json"))).to.include({ buildSystem: "prebuilt" });
    expect((await project.load(env)).stdout).to.equal("22\n");
    expect((await project.setup(env)).output).to.match(/nothing to do: .*from @mutual-channel-loss/);
    const loaded = async () => {
      const { stdout } = await project.mcloss(env, "doctor", "--json");
      return (JSON.parse(stdout) as Diagnosis).addons[0]!.info!.buildSystem;
    };
    const changed = join(project.packageFolder, "native", "changed.cpp");
    await writeFile(changed, "");
    const built = await project.setup({ ...env, PATH: tools.bin }, "--json");
    expect(resultOf(built)).to.include({ built: true, buildSystem: "cmake" });
    expect(await loaded()).to.equal("cmake");
    await rm(changed);
    expect(await loaded()).to.equal("prebuilt");
    expect((await project.load(env)).stdout).to.equal("22\n");
  });

  it("of other sources or another LibTorch is passed over, and the error lists what was looked for", async () => {
    const project = await Project.make(path("passed-over"));
    const env = bare();
    const loaded = async () => (await project.load(env)).output;
    expect(await loaded())
      .to.match(/- \$MCLOSS_ADDON is not set\n/)
      .and.match(/- an addon of this version in .*addons: no such file or directory\n/)
      .and.match(/- a prebuilt one in @mutual-channel-loss\/linux-x64: is not installed\n/)
      .and.match(/Run: npx mcloss setup\n/);
    await project.addPrebuilt({ sources: "0".repeat(64) });
    expect(await loaded()).to.match(/linux-x64: is of another version of this package\n/);
    await project.addPrebuilt({ torchVersion: "2.11.0+cpu" });
    expect(await loaded()).to.match(/linux-x64: is for LibTorch 2\.11, here is 2\.\d+/);
    expect(await loaded()).to.not.match(/is not installed/);
    await project.addPrebuilt();
    expect((await project.load({ ...env, LIBTORCH: "" })).output).to.match(
      /there is no LibTorch in \$LIBTORCH or the cache/,
    );
  });
});
