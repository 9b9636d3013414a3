import { expect } from "chai";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { findTorchPackage } from "#lib/setup/python.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { MCLOSS } from "../support/mcloss.js";
import { freePort } from "../support/local-server.js";
import { descendants, gone, Ranked, withoutRank } from "../support/train-ranks.js";

const SMALL = [
  MCLOSS,
  "train",
  "photos",
  "--image-size",
  "32",
  "--batch-size",
  "6",
  "--overwrite",
  "--epochs",
];

describe("torchrun (skipped where Python has no PyTorch)", () => {
  const folder = temporaryFolder();
  let started: Ranked | undefined;

  before(async function () {
    if (typeof (await findTorchPackage("python3")) !== "string") this.skip();
    await writeColorFolder(join(folder(), "photos"), 4);
  });

  afterEach(async () => {
    started?.child.kill("SIGKILL");
    await started?.ended;
  });

  /** Two processes of `mcloss`. */
  function torchrun(options: readonly string[], args: readonly string[]): Ranked {
    const command = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--no-python", ...options];
    const env = { ...withoutRank(process.env), OMP_NUM_THREADS: "1" };
    const child = spawn("python3", [...command, process.execPath, ...args], { cwd: folder(), env });
    started = new Ranked(child);
    return started;
  }

  const meetings: [string, (port: number) => string[]][] = [
    ["on one machine", () => ["--standalone"]],
    [
      "at a port",
      (port) => [
        "--nnodes",
        "1",
        "--node-rank",
        "0",
        "--master-addr",
        "127.0.0.1",
        "--master-port",
        `${port}`,
      ],
    ],
    ["at a rendezvous", (port) => ["--rdzv-backend", "c10d", "--rdzv-endpoint", `127.0.0.1:${port}`]],
  ];
  for (const [name, options] of meetings) {
    it(`starts a training ${name}`, async () => {
      const { code, stdout, stderr } = await torchrun(options(await freePort()), [...SMALL, "1"]).ended;
      expect(code, stderr).to.equal(0);
      expect(stderr.match(/epoch 1\/1/g)).to.have.length(1);
      expect(stdout.match(/last checkpoint/g)).to.have.length(1);
    });
  }

  it("starts it anew after a failure, from the last checkpoint", async () => {
    const run = torchrun(["--standalone", "--max-restarts", "1"], [...SMALL, "40"]);
    await run.saw(/epoch 1\/40/);
    const [, last] = descendants(run.child.pid ?? 0).sort((a, b) => a - b);
    process.kill(last!, "SIGKILL");
    const { code, stderr } = await run.ended;
    expect(code, stderr).to.equal(0);
    expect(stderr.match(/epoch 1\/40/g), stderr).to.have.length(1);
    expect(stderr).to.match(/epoch 40\/40/);
  });

  it("stops it with a checkpoint, and leaves no process", async () => {
    const run = torchrun(["--standalone"], [...SMALL, "5000"]);
    await run.saw(/epoch 1\//);
    const pids = descendants(run.child.pid ?? 0);
    run.kill("SIGTERM");
    const { stderr } = await run.ended;
    expect(stderr).to.match(/stopping after this step/);
    await gone(pids);
  });

  it("prints what a rank failed with as the root cause", async () => {
    const { code, stderr } = await torchrun(["--standalone"], [MCLOSS, "train", "absent", "--overwrite"])
      .ended;
    expect(code).to.equal(1);
    expect(stderr).to.match(/cannot read the folder absent/);
  });
});
