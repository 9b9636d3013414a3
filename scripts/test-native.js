// Builds and runs the C++ tests, of the operators' arithmetic and the reducer of gradients, with the address and undefined-behaviour sanitizers.
//   npm run test:native [-- CASES [SEED]]
import { spawnSync } from "node:child_process";
import { findLibtorch } from "../dist/setup/find-libtorch.js";

function run(command, ...args) {
  const { status } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

const { found } = await findLibtorch();
if (!found) throw new Error("no LibTorch on this machine; npm run build brings one");
const folder = "build/test";
run("cmake", "-S", "native/test", "-B", folder, `-DTORCH_ROOT=${found.root}`);
run("cmake", "--build", folder, "--parallel");
run(`${folder}/loss_test`, ...process.argv.slice(2));
run(`${folder}/prepare_test`);
run(`${folder}/edit_test`);
run(`${folder}/reducer_test`);
run(`${folder}/batch_norm_test`);
if (process.arch === "x64") run(`${folder}/convolution_test`);
