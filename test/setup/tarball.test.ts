import { expect } from "chai";
import { existsSync, readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { hashSources } from "#lib/addon/build-info.js";
import { minorVersion } from "#lib/addon/versions.js";
import { PACKAGE_ROOT } from "#lib/package.js";
import { run } from "#lib/setup/run.js";
import { dynamicSymbols, highestVersions, symbolsAbove } from "../../scripts/needed-versions.js";
import { temporaryFolder } from "../support/images.js";
import { ownAddon } from "../support/installed-package.js";
import { pack, unpackInto } from "../support/packed-package.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PLATFORM = join(ROOT, "npm", "linux-x64");

interface Manifest extends Record<string, unknown> {
  name: string;
  version: string;
  main: string;
  types: string;
  exports: Record<string, unknown>;
  bin: Record<string, string>;
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  repository: { url: string };
  homepage: string;
  bugs: string;
  os?: string[];
  cpu?: string[];
}

interface SourceMap {
  sources: string[];
  sourcesContent: string[];
}

const manifestOf = async (folder: string) =>
  JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Manifest;

/** The paths in the `exports` of a manifest. */
function targets(value: unknown): string[] {
  if (typeof value === "string") return [value.replace("./", "")];
  return Object.values(value as Record<string, unknown>).flatMap(targets);
}

describe("the package on npm", () => {
  const project = temporaryFolder();
  let own: string;
  let installed: string;
  let manifest: Manifest;
  let files: string[];

  before(async () => {
    own = await readFile(join(ROOT, "package.json"), "utf8");
    const packed = pack(project());
    files = packed.files;
    installed = unpackInto(project(), packed.tarball);
    manifest = await manifestOf(installed);
  });

  /** Runs a module in the project, with this checkout's addon. */
  async function runModule(source: string): Promise<string> {
    await writeFile(join(project(), "program.mjs"), source);
    const env = { ...process.env, MCLOSS_ADDON: join(ownAddon().folder, "mcloss.node") };
    const { code, output, stdout } = await run(process.execPath, ["program.mjs"], { cwd: project(), env });
    expect(code, output).to.equal(0);
    return stdout.trim();
  }

  it("has what its manifest names, the licence and what a build takes", () => {
    const { main, types, exports, bin } = manifest;
    const named = [main, types, ...Object.values(bin)].map((path) => path.replace("./", ""));
    const built = ["CMakeLists.txt", "native/sources.json", "dist/headers/napi.h", "dist/headers/node_api.h"];
    const others = ["README.md", "CHANGELOG.md", "LICENSE", "package.json", "lib/report/page.css"];
    expect(files).to.include.members([...named, ...targets(exports), ...built, ...others]);
  });

  it("has the hash of its sources, so that loading the addon does not read them", async () => {
    expect(files).to.include("dist/sources.sha256");
    expect(await readFile(join(installed, "dist", "sources.sha256"), "utf8")).to.equal(`${hashSources()}\n`);
  });

  it("is made without a change to the checkout, whose manifest has more", async () => {
    expect(await readFile(join(ROOT, "package.json"), "utf8")).to.equal(own);
    expect(existsSync(join(ROOT, "dist", ".tsbuildinfo"))).to.equal(true);
    const more = ["workspaces", "devDependencies", "scripts", "imports"];
    expect(JSON.parse(own)).to.include.keys(more);
    expect(manifest).to.not.have.any.keys(more);
  });

  it("has few files of code, with their source maps, and what is started in a process of its own", async () => {
    const code = files.filter((path) => /^dist\/.*\.js$/.test(path));
    const map = JSON.parse(
      await readFile(join(installed, "dist", "shared", "tensor.js.map"), "utf8"),
    ) as SourceMap;
    const place = map.sources.indexOf("../../lib/tensor/tensor.ts");
    expect(map.sourcesContent[place]).to.equal(
      await readFile(join(ROOT, "lib", "tensor", "tensor.ts"), "utf8"),
    );
    const sources = readdirSync(join(ROOT, "lib"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => readFile(join(ROOT, "lib", name), "utf8"));
    const started = (await Promise.all(sources))
      .flatMap((text) => [...text.matchAll(/compiledFile\("([^"]+\.js)"\)/g)])
      .map(([, name = ""]) => `dist/${name}`);
    expect(started).to.include.members(["dist/addon/try.js", "dist/report/browser/draw-charts.js"]);
    expect(code).to.include.members(started);
    const loaded = await runModule(`
      import { Session } from "node:inspector";
      const session = new Session();
      const urls = [];
      session.connect();
      session.on("Debugger.scriptParsed", ({ params: { url } }) => urls.push(url));
      session.post("Debugger.enable");
      urls.length = 0;
      await import("mutual-channel-loss");
      console.log(urls.filter((url) => url.startsWith("file:")).length);`);
    expect(Number(loaded)).to.be.within(5, 40);
  });

  it("has each thing once, whatever subpath it is taken from, and for require", async () => {
    const names = Object.keys(manifest.exports)
      .filter((name) => name !== "./package.json")
      .map((name) => posix.join(manifest.name, name));
    const told = await runModule(`
      import { createRequire } from "node:module";
      const require = createRequire(import.meta.url);
      const problems = [];
      const seen = new Map();
      for (const name of ${JSON.stringify(names)}) {
        const required = require(name);
        for (const [key, value] of Object.entries(await import(name))) {
          if (required[key] !== value) problems.push(name + ": require has another " + key);
          const other = seen.get(key);
          if (other && other.value !== value) problems.push(key + " of " + name + " is not that of " + other.name);
          seen.set(key, { name, value });
        }
      }
      const { tensor, Tensor } = await import("mutual-channel-loss");
      const { softmax } = await import("mutual-channel-loss/tensor");
      const sum = softmax(tensor([1, 1]), 0);
      console.log(JSON.stringify([problems, seen.size > 200, sum instanceof Tensor, sum.constructor.name]));`);
    expect(JSON.parse(told)).to.deep.equal([[], true, true, "Tensor"]);
  });

  it("has a command line that starts, and says where the demo is", async () => {
    const mcloss = (...args: string[]) =>
      run(process.execPath, [join(installed, "bin", "mcloss.js"), ...args]);
    expect((await mcloss("--version")).stdout).to.equal(`${manifest.version}\n`);
    expect((await mcloss("recipes", "cub200-resnet50")).stdout).to.match(/^cub200-resnet50: /);
    expect((await mcloss("--help")).stdout).to.not.match(/demo/);
    const { code, output } = await mcloss("demo");
    expect(code).to.equal(2);
    expect(output)
      .to.match(/unknown command 'demo'/)
      .and.match(/npm run demo/);
  });

  it("has no binding.gyp, with which package managers would build, and nothing else that only a checkout needs", () => {
    const allowed = [
      /^(bin|dist|native)\/|^docs\/(images\/[\w-]+\.png|\w+\.md)$|^examples\/[\w-]+\.ts$|^bench\/results\/[\w-]+\.txt$/,
      /^(CMakeLists\.txt|README\.md|CHANGELOG\.md|LICENSE|NOTICE|package\.json|lib\/report\/page\.css)$/,
    ];
    expect(files.filter((path) => !allowed.some((pattern) => pattern.test(path)))).to.deep.equal([]);
    expect(
      files.filter((path) => /\.gyp|unity|native\/test|tsbuildinfo|\.node$|\.so$/.test(path)),
    ).to.deep.equal([]);
  });

  it("has what its pages link to", async () => {
    const folders = new Set(
      files.flatMap((path) => path.split("/").map((_, i, parts) => parts.slice(0, i).join("/"))),
    );
    for (const page of files.filter((path) => path.endsWith(".md"))) {
      const text = await readFile(join(installed, page), "utf8");
      const links = [...text.replace(/^```.*?^```/gms, "").matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(
        ([, link = ""]) => link,
      );
      const missing = links
        .filter((link) => !/^https?:/.test(link))
        .map((link) => posix.join(posix.dirname(page), link))
        .filter((path) => !files.includes(path) && !folders.has(path));
      expect(missing, page).to.deep.equal([]);
    }
  });

  it("brings no build tools along, and runs its JavaScript on any platform", () => {
    expect(manifest.dependencies).to.not.have.any.keys(
      "cmake-js",
      "node-gyp",
      "node-addon-api",
      "node-api-headers",
    );
    expect(manifest.os ?? manifest.cpu).to.equal(undefined);
  });

  it("says where it comes from", async () => {
    const platform = await manifestOf(PLATFORM);
    for (const { repository, homepage, bugs } of [manifest, platform]) {
      expect(repository.url).to.equal("git+https://github.com/mutual-channel-loss/mutual-channel-loss.git");
      expect([homepage, bugs].every((url) => url.startsWith(repository.url.slice(4, -4)))).to.equal(true);
    }
  });
});

describe("the package of a platform", () => {
  const project = temporaryFolder();

  it("is an optional dependency in this version", async () => {
    const [main, platform] = [await manifestOf(ROOT), await manifestOf(PLATFORM)];
    expect(main.optionalDependencies).to.deep.equal({ [platform.name]: main.version });
    expect(platform).to.deep.include({ version: main.version, os: ["linux"], cpu: ["x64"], libc: ["glibc"] });
  });

  it("has a small addon for the LibTorch that is given, and says what it needs of the system", async function () {
    if ((await run("strip", ["--version"])).code !== 0) this.skip();
    const { info } = ownAddon();
    const env = { ...process.env, LIBTORCH: info.torchRoot };
    const { code, output } = await run(process.execPath, ["scripts/prebuilt.js"], { cwd: ROOT, env });
    expect(code, output).to.equal(0);
    expect(output)
      .to.match(/the addon needs .*glibc 2\.\d+/)
      .and.match(/LibTorch needs .*glibc 2\.\d+/);
    const folder = `addons/torch-${minorVersion(info.torchVersion)}-cpu`;
    const { files } = pack(project(), PLATFORM);
    expect(files).to.include.members(["LICENSE", "README.md", "package.json", `${folder}/mcloss.node`]);
    const addonFile = /^addons\/torch-[\w.-]+\/(mcloss\.node|libmcloss_ops\.so|build-info\.json)$/;
    const others = files.filter((path) => !addonFile.test(path));
    expect(others.sort()).to.deep.equal(["LICENSE", "README.md", "package.json"]);
    const record = await readFile(join(PLATFORM, folder, "build-info.json"), "utf8");
    expect(JSON.parse(record)).to.include({ sources: hashSources(), torchRoot: "", buildSystem: "prebuilt" });
    // No folder of the machine that built it, unless whoever builds has chosen so.
    const addon = await readFile(join(PLATFORM, folder, "mcloss.node"));
    const named = [PACKAGE_ROOT, info.torchRoot].filter((path) => addon.includes(`${path}/`));
    if (named.length > 0) expect(output).to.contain(`which ccache's base folder does: ${named.join(", ")}`);
  });

  it("needs no newer glibc and libstdc++ than LibTorch's, which this checkout's addon shows", async function () {
    if ((await run("objdump", ["--version"])).code !== 0) this.skip();
    const { folder, info } = ownAddon();
    if (info.buildSystem === "gyp") this.skip();
    const symbols = dynamicSymbols(["mcloss.node", "libmcloss_ops.so"].map((name) => join(folder, name)));
    expect(highestVersions(symbols)).to.include.keys("glibc", "libstdc++ (GLIBCXX)");
    expect(symbolsAbove(symbols)).to.deep.equal([]);
  });

  it("tells the highest versions of symbols that are needed, not of those that are given", () => {
    const output = `
0000000000000000      DF *UND*\t0000000000000000 (GLIBC_2.9)   one
0000000000000000      DF *UND*\t0000000000000000 (GLIBC_2.28)  two
0000000000000000      DF *UND*\t0000000000000000 (GLIBCXX_3.4.22) three
0000000000012340 g    DF .text\t0000000000000010 (GLIBC_2.99)  own`;
    expect(highestVersions(output)).to.deep.equal({ glibc: "2.28", "libstdc++ (GLIBCXX)": "3.4.22" });
    const floor = { glibc: "2.27", "libstdc++ (GLIBCXX)": "3.4.25" };
    expect(symbolsAbove(output, floor)).to.deep.equal(["two of glibc 2.28"]);
  });
});
