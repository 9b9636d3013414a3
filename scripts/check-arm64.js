// `npm run check:arm64`: compiles the addon for Linux on arm64 with Debian's cross-compiler, and runs the arithmetic tests of
// the CPU kernels under qemu (apt-get install g++-aarch64-linux-gnu qemu-user-static). Nothing is linked with LibTorch, whose
// headers alone are the same on each platform. `-- ops` compiles the operators alone.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import { findLibtorch } from "../dist/setup/find-libtorch.js";

const require = createRequire(import.meta.url);
const COMPILER = "aarch64-linux-gnu-g++";
const EMULATOR = "qemu-aarch64-static";
const CASES = 20;
const FOLDER = "build/arm64";

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

function cmake(source, folder, definitions, ...targets) {
  const platform = {
    CMAKE_SYSTEM_NAME: "Linux",
    CMAKE_SYSTEM_PROCESSOR: "aarch64",
    CMAKE_CXX_COMPILER: COMPILER,
    CMAKE_BUILD_TYPE: "Release",
  };
  const defined = Object.entries({ ...platform, ...definitions }).map(
    ([name, value]) => `-D${name}=${value}`,
  );
  run("cmake", "-S", source, "-B", folder, "-Wno-dev", "--log-level=WARNING", ...defined);
  const chosen = targets.flatMap((target) => ["--target", target]);
  run("cmake", "--build", folder, "--parallel", String(availableParallelism()), ...chosen);
}

const { found } = await findLibtorch();
if (!found) throw new Error("no LibTorch on this machine; npm run build brings one");
const headers = [
  require("node-api-headers").include_dir,
  dirname(require.resolve("node-addon-api/package.json")),
];
const started = performance.now();
const seconds = () => `${((performance.now() - started) / 1000).toFixed(0)} s`;

cmake("native/test", `${FOLDER}-test`, { TORCH_ROOT: found.root }, "loss_test", "prepare_test");
for (const test of ["loss_test", "prepare_test"]) run(EMULATOR, `${FOLDER}-test/${test}`, String(CASES));
console.log(`arm64: the CPU kernels' arithmetic is right under ${EMULATOR} (${seconds()})`);

const targets = process.argv.includes("ops") ? ["mcloss_ops"] : [];
const definitions = {
  TORCH_ROOT: found.root,
  NODE_API_INCLUDE: headers.join(";"),
  // In place of the linker.
  CMAKE_CXX_CREATE_SHARED_LIBRARY: "<CMAKE_COMMAND> -E touch <TARGET>",
};
cmake(".", FOLDER, definitions, ...targets);
console.log(
  `arm64: ${targets.length > 0 ? "the operators compile" : "the operators and the addon compile"} (${seconds()})`,
);
