import { expect } from "chai";
import { whyNotThisNvcc } from "#lib/setup/cuda.js";
import { createHash } from "node:crypto";
import { chmod, cp, mkdir, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { delimiter, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { addonCandidates, loadAddon } from "#lib/addon/load.js";
import { whyNoCudaBuild } from "#lib/setup/cuda.js";
import { findLibtorch } from "#lib/setup/find-libtorch.js";
import { inspectLibtorch } from "#lib/addon/libtorch.js";
import { provideLibtorch } from "#lib/setup/provide-libtorch.js";
import { silentReporter } from "#lib/reporter.js";
import { run } from "#lib/setup/run.js";
import { isSupported } from "#lib/addon/versions.js";
import { caught, rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";

const folder = temporaryFolder();

interface FakeLibtorch {
  version?: string;
  abi?: string;
  cuda?: string;
}

/** A folder that looks like a LibTorch, in the wheel's form. */
async function fakeLibtorch(
  name: string,
  { version = "2.13.0+cpu", abi = "B5cxx11", cuda }: FakeLibtorch = {},
): Promise<string> {
  const root = join(folder(), name);
  await mkdir(join(root, "lib"), { recursive: true });
  await mkdir(join(root, "include/ATen/core"), { recursive: true });
  await writeFile(join(root, "lib/libtorch_cpu.so"), "");
  await writeFile(join(root, "lib/libc10.so"), `symbols ${abi} more`);
  await writeFile(join(root, "include/ATen/core/Tensor.h"), "");
  if (cuda !== undefined) await writeFile(join(root, "lib/libtorch_cuda.so"), "");
  const named = cuda === undefined ? "None" : `'${cuda}'`;
  await writeFile(join(root, "version.py"), `__version__ = '${version}'\ncuda: Optional[str] = ${named}\n`);
  return root;
}

/** A `python3` that knows one torch package, alone on the PATH. */
async function fakePython(torch: string): Promise<string> {
  const bin = join(folder(), `bin-${createHash("sha256").update(torch).digest("hex").slice(0, 8)}`);
  await mkdir(bin, { recursive: true });
  const file = join(bin, "python3");
  await writeFile(file, `#!/bin/sh\ncase "$1" in -c) echo "${torch}";; *) exit 1;; esac\n`);
  await chmod(file, 0o755);
  return bin;
}

/** An environment in which nothing of this machine is found. */
function emptyEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { PATH: join(folder(), "nothing"), MCLOSS_CACHE: join(folder(), "cache"), ...extra };
}

describe("inspectLibtorch", () => {
  it("accepts the supported versions, from a wheel or an archive", async () => {
    const root = await fakeLibtorch("wheel");
    expect(inspectLibtorch(root)).to.deep.equal({ root, version: "2.13.0+cpu", cuda: null });
    await rm(join(root, "version.py"));
    await writeFile(join(root, "build-version"), "2.12.1\n");
    expect(inspectLibtorch(root)).to.include({ version: "2.12.1" });
    const versions = ["2.10.9", "2.11.0", "2.14.1+cu130", "2.15.0", "2.16.0"];
    expect(versions.map(isSupported)).to.deep.equal([false, true, true, true, false]);
  });

  it("says what is wrong with others", async () => {
    const old = await fakeLibtorch("old", { version: "2.9.1" });
    expect(inspectLibtorch(old)).to.deep.equal({ problem: "is version 2.9.1, supported are 2.11 to 2.15" });
    expect(inspectLibtorch(await fakeLibtorch("abi", { abi: "plain" })))
      .to.have.property("problem")
      .match(/ABI/);
    const problem = "has no lib/libtorch_cpu.so (no such file or directory)";
    expect(inspectLibtorch(join(folder(), "none"))).to.deep.equal({ problem });
  });
});

describe("findLibtorch", () => {
  it("takes $LIBTORCH first, then the cache, then Python's torch package", async () => {
    const [given, packaged] = [
      await fakeLibtorch("given"),
      await fakeLibtorch("packaged", { version: "2.12.0" }),
    ];
    const cached = await fakeLibtorch("cache/libtorch-2.13.0-cpu");
    const PATH = [await fakePython(packaged), process.env["PATH"]].join(delimiter);
    const all = emptyEnvironment({ LIBTORCH: given, PATH });
    expect((await findLibtorch(all)).found).to.include({ root: given, where: "$LIBTORCH" });
    expect((await findLibtorch({ ...all, LIBTORCH: "" })).found?.root).to.equal(cached);
    await rm(cached, { recursive: true });
    expect((await findLibtorch({ ...all, LIBTORCH: "" })).found).to.include({
      root: packaged,
      version: "2.12.0",
    });
  });

  it("refuses a $LIBTORCH that is none, rather than passing over it", async () => {
    const error = await rejected(findLibtorch(emptyEnvironment({ LIBTORCH: "/nowhere" })));
    expect(error).to.include({ code: "ERR_LIBTORCH_MISSING", path: "/nowhere" });
    expect(error.message)
      .to.match(/has no lib\/libtorch_cpu\.so/)
      .and.match(/unset LIBTORCH/);
  });

  it("makes a relative $LIBTORCH absolute, as compilers run elsewhere", async () => {
    const root = await fakeLibtorch("relative");
    const env = emptyEnvironment({ LIBTORCH: relative(process.cwd(), root) });
    expect((await findLibtorch(env)).found?.root).to.equal(root);
  });

  it("prefers a LibTorch for CUDA where there is a GPU, and takes another one where there is none for it", async () => {
    const cpu = await fakeLibtorch("preferring/libtorch-2.13.0-cpu");
    const cuda = await fakeLibtorch("preferred", { version: "2.14.1+cu130", cuda: "13.0" });
    const env = emptyEnvironment({ MCLOSS_CACHE: join(folder(), "preferring") });
    const withPython = { ...env, PATH: [await fakePython(cuda), process.env["PATH"]].join(delimiter) };
    expect((await findLibtorch(withPython, "preferred")).found).to.include({ root: cuda, cuda: "13.0" });
    expect((await findLibtorch(withPython, false)).found).to.include({ root: cpu });
    expect((await findLibtorch(env, "preferred")).found).to.include({ root: cpu });
  });

  it("finds the torch/ folder in $LIBTORCH, as a wheel unpacks", async () => {
    const root = await fakeLibtorch("unpacked/torch");
    expect(
      (await findLibtorch(emptyEnvironment({ LIBTORCH: join(folder(), "unpacked") }))).found?.root,
    ).to.equal(root);
  });

  it("lists what it tried and why it was not taken", async () => {
    const PATH = await fakePython(await fakeLibtorch("too-new", { version: "3.0.0" }));
    const { found, tried } = await findLibtorch(emptyEnvironment({ PATH: [PATH, "/bin"].join(delimiter) }));
    expect(found).to.equal(undefined);
    expect(tried.map(({ where, problem }) => `${where} ${problem}`).join("\n"))
      .to.match(/\$LIBTORCH is not set/)
      .and.match(/the cache .* is empty/)
      .and.match(/too-new of python3 is version 3\.0\.0/)
      .and.match(/python is not installed/);
  });
});

describe("provideLibtorch", () => {
  async function chosen(env: NodeJS.ProcessEnv, options: { gpu?: boolean; cuda?: boolean } = {}) {
    const lines: string[] = [];
    const reporter = { ...silentReporter, line: (text: string) => void lines.push(text) };
    const { root } = await provideLibtorch({ reporter, env, gpu: false, ...options });
    return { root, said: lines.join("\n") };
  }

  it("says which LibTorch it chose, and why that one", async () => {
    const cpu = await fakeLibtorch("choosing/libtorch-2.13.0-cpu");
    const cuda = await fakeLibtorch("for-cuda", { version: "2.14.1+cu130", cuda: "13.0" });
    const env = emptyEnvironment({ MCLOSS_CACHE: join(folder(), "choosing") });
    const both = { ...env, PATH: [await fakePython(cuda), process.env["PATH"]].join(delimiter) };
    expect(await chosen(both)).to.deep.equal({
      root: cpu,
      said: `LibTorch 2.13.0+cpu: ${cpu}, found in the cache`,
    });
    const forGpu = await chosen(both, { gpu: true });
    expect(forGpu.root).to.equal(cuda);
    expect(forGpu.said).to.match(/for-cuda of python3; for CUDA 13\.0, as this machine has an NVIDIA GPU$/);
    const lacking = await chosen(env, { gpu: true });
    expect(lacking.root).to.equal(cpu);
    expect(lacking.said).to.match(
      /found in the cache; this machine has an NVIDIA GPU, but no LibTorch for CUDA/,
    );
    expect((await chosen(both, { cuda: true })).root).to.equal(cuda);
    expect((await chosen({ ...both, LIBTORCH: cpu }, { gpu: true })).said).to.match(/as \$LIBTORCH says$/);
  });

  it("says of a version that was never tested that it was not, and doctor says the same", async () => {
    const root = await fakeLibtorch("newest", { version: "2.15.0+cpu" });
    const env = emptyEnvironment({ LIBTORCH: root });
    const caution = "2.15: not tested here, as 2.13 and 2.14 are";
    expect((await chosen(env)).said).to.contain(`as $LIBTORCH says\nLibTorch ${caution}`);
    const mcloss = fileURLToPath(new URL("../../bin/mcloss.js", import.meta.url));
    const { output } = await run(process.execPath, [mcloss, "doctor"], { env });
    expect(output).to.match(/libtorch +2\.15\.0\+cpu in .*\n +2\.15: not tested here/);
    const tested = await chosen(emptyEnvironment({ LIBTORCH: await fakeLibtorch("tested") }));
    expect(tested.said).to.not.match(/not tested/);
  });

  it("lists in one error what was tried and the commands that help", async () => {
    const wheel = { url: "http://127.0.0.1:1/libtorch.zip", sha256: "" };
    const error = await rejected(
      provideLibtorch({ reporter: silentReporter, env: emptyEnvironment(), wheel }),
    );
    expect(error.code).to.equal("ERR_LIBTORCH_MISSING");
    expect(error.message)
      .to.match(/- \$LIBTORCH is not set\n/)
      .and.match(/- the cache .* is empty\n/)
      .and.match(/- python3 is not installed\n/)
      .and.match(/- the pinned download failed: .*libtorch\.zip could not be downloaded/)
      .and.match(/pip install torch==2\.13\.0 --index-url/)
      .and.match(/LIBTORCH=\/path\/to\/libtorch npx mcloss setup/)
      .and.match(/HTTPS_PROXY=/)
      .and.match(/--from-file torch-2\.13\.0/);
  });
});

describe("a build for CUDA", () => {
  it("passes over a LibTorch for the CPU, and downloads none", async () => {
    const wheel = await fakeLibtorch("site-packages-cpu");
    const env = { ...emptyEnvironment(), PATH: await fakePython(wheel) };
    const error = await rejected(provideLibtorch({ reporter: silentReporter, env, cuda: true }));
    expect(error.code).to.equal("ERR_LIBTORCH_MISSING");
    expect(error.message)
      .to.match(/site-packages-cpu of python3 is built for the CPU only/)
      .and.match(/LIBTORCH=\/path\/to\/libtorch npx mcloss setup --cuda/);
  });

  it("is refused with the reason where the kernels cannot be built", async () => {
    const cpu = { root: "/opt/torch", version: "2.13.0+cpu", cuda: null };
    expect(await whyNoCudaBuild(cpu, "cmake")).to.match(/built for the CPU only/);
    expect(await whyNoCudaBuild({ ...cpu, cuda: "13.0" }, "gyp")).to.match(/CMake builds the CUDA kernels/);
  });
});

describe("loadAddon", () => {
  it("says where it looked and what to run when the addon is not built", () => {
    const error = caught(() => loadAddon(["/nowhere/mcloss.node"]));
    expect(error.code).to.equal("ERR_ADDON_MISSING");
    expect(error.message)
      .to.match(/\/nowhere\/mcloss\.node/)
      .and.match(/npx mcloss setup/);
  });

  it("names both versions when LibTorch has changed since the build, and the folder when it is gone", async () => {
    const torchRoot = await fakeLibtorch("changing");
    const addon = join(folder(), "mcloss.node");
    await writeFile(addon, "");
    const info = { torchVersion: "2.13.0+cpu", torchRoot, buildSystem: "cmake", sources: "" };
    await writeFile(join(folder(), "build-info.json"), JSON.stringify(info));
    await fakeLibtorch("changing", { version: "2.14.1" });
    const changed = caught(() => loadAddon([addon]));
    expect(changed.code).to.equal("ERR_LIBTORCH_MISMATCH");
    expect(changed.message).to.match(/built against LibTorch 2\.13\.0\+cpu, but LibTorch 2\.14\.1 was found/);
    await rm(torchRoot, { recursive: true });
    expect(caught(() => loadAddon([addon])).message).to.match(/cannot be read in .*changing: no such file/);
  });

  it("does not trust a record of a build that the addon is not of", async () => {
    const built = dirname(addonCandidates().find((path) => existsSync(path))!);
    const copy = join(folder(), "copied");
    await cp(built, copy, { recursive: true });
    const torchRoot = await fakeLibtorch("recorded", { version: "2.12.0" });
    const info = { torchVersion: "2.12.0", torchRoot, cuda: null, buildSystem: "cmake", sources: "" };
    await writeFile(join(copy, "build-info.json"), JSON.stringify(info));
    const loader = new URL("../../dist/addon/load.js", import.meta.url).href;
    const source = `import { addonCandidates, loadAddon } from ${JSON.stringify(loader)};
      try { loadAddon([${JSON.stringify(join(copy, "mcloss.node"))}]); } catch (error) { console.log(error.code, error.message); }`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", source]);
    expect(stdout).to.match(/^ERR_LIBTORCH_MISMATCH .*but LibTorch 2\.12\.0 was found/);
  });

  it("explains an addon that cannot be loaded", async () => {
    const addon = join(folder(), "broken", "mcloss.node");
    await mkdir(join(folder(), "broken"));
    await writeFile(addon, "not a library");
    expect(caught(() => loadAddon([addon])).message).to.match(/cannot be loaded: .*setup --force/);
  });
});

describe("nvcc", () => {
  it("must be of LibTorch's major version of CUDA", () => {
    const version = "Cuda compilation tools, release 12.8, V12.8.93";
    expect(whyNotThisNvcc(version, "12.6")).to.equal(undefined);
    expect(whyNotThisNvcc(version, "13.0")).to.match(/nvcc is of CUDA 12, but LibTorch of CUDA 13\.0/);
  });
});
