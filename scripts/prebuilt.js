// `npm run build:prebuilt` (or prebuild, see prebuild.js): puts the addon for a LibTorch ($LIBTORCH, or the one that setup finds; `-- --cuda` for CUDA) into the
// package of this platform under npm/, and says which glibc and libstdc++ it needs, beside what LibTorch itself needs.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ADDON_FILE, BUILD_FOLDERS, OPS_FILE } from "../dist/addon/paths.js";
import { hashSources, readBuildInfo, writeBuildInfo } from "../dist/addon/build-info.js";
import { minorVersion } from "../dist/addon/versions.js";
import { PACKAGE_ROOT } from "../dist/package.js";
import { consoleReporter } from "../dist/cli/setup-reporter.js";
import { setup } from "../dist/setup/setup.js";
import { dynamicSymbols, FLOOR, highestVersions, symbolsAbove } from "./needed-versions.js";

const platform = fileURLToPath(new URL(`../npm/${process.platform}-${process.arch}`, import.meta.url));
const addons = join(platform, "addons");

/** Those of other sources would never be loaded. */
function removeStale() {
  mkdirSync(addons, { recursive: true });
  for (const name of readdirSync(addons)) {
    const folder = join(addons, name);
    if (readBuildInfo(folder)?.sources !== hashSources()) rmSync(folder, { recursive: true });
  }
}

/** Says what a group of libraries needs of the system. */
function tell(label, symbols) {
  const needed = highestVersions(symbols);
  console.log(
    `${label.padEnd(24)} ${Object.entries(needed)
      .map((pair) => pair.join(" "))
      .join(", ")}`,
  );
}

const cuda = process.argv.includes("--cuda");
const info = await setup({ buildSystem: "cmake", ...(cuda ? { cuda } : {}), reporter: consoleReporter() });
removeStale();
const variant = info.cuda === null ? "cpu" : `cu${info.cuda.split(".")[0]}`;
const folder = join(addons, `torch-${minorVersion(info.torchVersion)}-${variant}`);
mkdirSync(folder, { recursive: true });
const files = [ADDON_FILE, OPS_FILE].map((name) => join(folder, name));
for (const name of [ADDON_FILE, OPS_FILE]) copyFileSync(join(BUILD_FOLDERS.cmake, name), join(folder, name));
execFileSync("strip", ["--strip-unneeded", ...files]);
const { torchVersion, compiler, sources } = info;
writeBuildInfo(folder, {
  torchVersion,
  torchRoot: "",
  cuda: info.cuda,
  buildSystem: "prebuilt",
  compiler,
  sources,
});

const bytes = files.map((file) => statSync(file).size).reduce((sum, size) => sum + size);
console.log(`${folder}: LibTorch ${torchVersion}, ${(bytes / 2 ** 20).toFixed(1)} MiB`);
const folders = [PACKAGE_ROOT, info.torchRoot].filter((path) =>
  files.some((file) => readFileSync(file).includes(`${path}/`)),
);
if (folders.length > 0)
  console.log(`it names folders of this machine, which ccache's base folder does: ${folders.join(", ")}`);
const symbols = dynamicSymbols(files);
tell("the addon needs", symbols);
const lib = join(info.torchRoot, "lib");
const libraries = readdirSync(lib).filter((name) => /\.so(\.\d+)*$/.test(name));
tell("LibTorch needs", dynamicSymbols(libraries.map((name) => join(lib, name))));
const above = symbolsAbove(symbols);
if (above.length > 0) {
  rmSync(folder, { recursive: true });
  throw new Error(`the addon would not run on glibc ${FLOOR.glibc}: it takes ${above.join(", ")}`);
}
const { name, version } = JSON.parse(readFileSync(join(platform, "package.json"), "utf8"));
console.log(`${name} ${version} has now: ${readdirSync(addons).join(", ")}`);
