// What the CUDA compiler makes of the loss's kernels, how many blocks of threads fit a GPU, and what the fused kernel
// moves on the emulated device. Needs nvcc, no GPU.
//   npm run bench -- kernels
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findLibtorch } from "#lib/setup/find-libtorch.js";

const SOURCE = "native/ops/cuda/kernels.cu";
const THREADS = 256;

interface Gpu {
  capability: number;
  /** What one multiprocessor has (CUDA C++ Programming Guide, technical specifications per compute capability). */
  threads: number;
  blocks: number;
  sharedBytes: number;
}

const KIB = 1024;
const GPUS: Gpu[] = [
  { capability: 75, threads: 1024, blocks: 16, sharedBytes: 64 * KIB },
  { capability: 80, threads: 2048, blocks: 32, sharedBytes: 164 * KIB },
  { capability: 90, threads: 2048, blocks: 32, sharedBytes: 228 * KIB },
  { capability: 100, threads: 2048, blocks: 32, sharedBytes: 228 * KIB },
  { capability: 120, threads: 1536, blocks: 24, sharedBytes: 100 * KIB },
];
const REGISTERS = 65_536;

interface Kernel {
  name: string;
  registers: number;
  spilled: number;
  /** Shared memory that is not asked for at the launch. */
  staticBytes: number;
}

/** A line of native/test/kernel_report. */
interface Line {
  kind: "tiles" | "traffic";
  shape: string;
  type: string;
  channelsLast: boolean;
  capability: number;
  tiles: number;
  sharedBytes: number;
  bytes: number;
  read: number;
  reads: number;
  written: number;
  writes: number;
}

const TYPES: Record<string, string> = {
  f: "float32",
  d: "float64",
  "6__half": "float16",
  "13__nv_bfloat16": "bfloat16",
};

/** fused_kernel<float32> from a mangled name; undefined for kernels that are not of the loss. */
function nameOf(mangled: string): string | undefined {
  const match =
    /(fused|score|coverage|loss|scale)_kernelI(13__nv_bfloat16|6__half|[fd])[fd]?(Lb[01]E)?E/.exec(mangled);
  if (!match) return undefined;
  const staged = match[3] ? (match[3] === "Lb1E" ? ", staged" : ", not staged") : "";
  return `${match[1]}_kernel<${TYPES[match[2] ?? ""]}${staged}>`;
}

function compile(capability: number): { kernels: Kernel[]; tool: string } {
  const folder = mkdtempSync(join(tmpdir(), "mcloss-kernels-"));
  try {
    const options = ["-std=c++20", "-O3", `-arch=sm_${capability}`, "-cubin", "-Xptxas", "-v"];
    const { stderr, status } = spawnSync("nvcc", [...options, "-o", join(folder, "out"), SOURCE], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(stderr);
    const entries = stderr.split("Compiling entry function").slice(1);
    const kernels = entries.flatMap((entry): Kernel[] => {
      const name = nameOf(/'(\S+)'/.exec(entry)?.[1] ?? "");
      const number = (pattern: RegExp) => Number(pattern.exec(entry)?.[1] ?? 0);
      const spilled = number(/(\d+) bytes spill stores/) + number(/(\d+) bytes spill loads/);
      const [registers, staticBytes] = [number(/Used (\d+) registers/), number(/(\d+) bytes smem/)];
      return name ? [{ name, registers, spilled, staticBytes }] : [];
    });
    return { kernels: kernels.sort((a, b) => a.name.localeCompare(b.name)), tool: toolVersion() };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function toolVersion(): string {
  return (
    /release [\d.]+, V[\d.]+/.exec(execFileSync("nvcc", ["--version"], { encoding: "utf8" }))?.[0] ??
    "unknown"
  );
}

async function emulate(): Promise<Line[]> {
  const { found } = await findLibtorch();
  if (!found) throw new Error("no LibTorch on this machine; npm run build brings one");
  const folder = "build/test";
  const quiet = { stdio: ["ignore", "ignore", "inherit"] as ["ignore", "ignore", "inherit"] };
  execFileSync("cmake", ["-S", "native/test", "-B", folder, `-DTORCH_ROOT=${found.root}`], quiet);
  execFileSync("cmake", ["--build", folder, "--target", "kernel_report"], quiet);
  const text = execFileSync(`${folder}/kernel_report`, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

/** Blocks that one multiprocessor holds, by registers (given to warps by 256), threads and shared memory. */
function blocksOf(gpu: Gpu, registers: number, sharedBytes: number): number {
  const perWarp = Math.ceil((registers * 32) / 256) * 256;
  const byRegisters = Math.floor(REGISTERS / perWarp / (THREADS / 32));
  const byMemory = Math.floor(gpu.sharedBytes / (sharedBytes + KIB));
  return Math.min(gpu.blocks, gpu.threads / THREADS, byRegisters, byMemory);
}

function print(rows: (string | number)[][]): void {
  const widths = (rows[0] ?? []).map((_, i) =>
    rows.reduce((widest, row) => Math.max(widest, String(row[i]).length), 0),
  );
  for (const row of rows) {
    const cells = row.map((cell, i) =>
      typeof cell === "number" ? String(cell).padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
    );
    console.log(cells.join("  ").trimEnd());
  }
}

const lines = await emulate();
const known = execFileSync("nvcc", ["--list-gpu-code"], { encoding: "utf8" });
for (const gpu of GPUS.filter(({ capability }) => new RegExp(`sm_${capability}\\b`).test(known))) {
  const { kernels, tool } = compile(gpu.capability);
  console.log(`\nsm_${gpu.capability}, nvcc ${tool}, ${THREADS} threads a block`);
  print([
    ["kernel", "registers", "bytes spilled", "static shared bytes"],
    ...kernels.map(({ name, registers, spilled, staticBytes }) => [name, registers, spilled, staticBytes]),
  ]);
  console.log("\nfused_kernel: blocks that one multiprocessor holds");
  print([
    ["shape", "type", "layout", "tiles a sample", "shared bytes", "blocks", "threads %"],
    ...lines
      .filter(({ kind, capability }) => kind === "tiles" && capability === gpu.capability)
      .map(({ shape, type, channelsLast, tiles, sharedBytes }) => {
        const kernel = kernels.find(({ name }) => name === `fused_kernel<${type}>`);
        const blocks = blocksOf(gpu, kernel?.registers ?? NaN, sharedBytes + (kernel?.staticBytes ?? 0));
        const share = Math.round((100 * blocks * THREADS) / gpu.threads);
        return [
          shape,
          type,
          channelsLast ? "channels_last" : "contiguous",
          tiles,
          sharedBytes,
          blocks,
          share,
        ];
      }),
  ]);
}
console.log(
  "\nfused_kernel on the emulated device, forward and backward, one sample: bytes of features and gradient",
);
print([
  [
    "shape of the batch",
    "type",
    "layout",
    "bytes of features",
    "read",
    "bytes a read",
    "written",
    "bytes a write",
  ],
  ...lines
    .filter(({ kind }) => kind === "traffic")
    .map(({ shape, type, channelsLast, bytes, read, reads, written, writes }) => [
      ...[shape, type, channelsLast ? "channels_last" : "contiguous", bytes],
      ...[read, Number((read / reads).toFixed(1)), written, Number((written / writes).toFixed(1))],
    ]),
]);
