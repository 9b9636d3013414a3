import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Model, saveModel } from "mutual-channel-loss";
import { normalize } from "mutual-channel-loss/data";
import { formatTable } from "#lib/table.js";
import { writeJpegs } from "./jpegs.js";
import { specFor, type Problem } from "./problem.js";

const NETWORKS: readonly Problem["network"][] = ["resnet18", "mobilenet_v2"];

/** Seconds from the shell's start of a program to its end. */
export interface FilesRow {
  network: string;
  program: string;
  seconds: number;
}

function script(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

function time(command: string, args: readonly string[]): number {
  const started = performance.now();
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8", maxBuffer: 2 ** 28 });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
  return (performance.now() - started) / 1000;
}

/** `mcloss predict` of a folder beside a Python script with torchvision's loader, in its fastest mode. */
export async function compareFiles(
  count: number,
  python: string | undefined,
  quick: boolean,
  say: (line: string) => void,
): Promise<FilesRow[]> {
  const rounds = quick ? 1 : 2;
  const folder = await mkdtemp(join(tmpdir(), "mcloss-bench-"));
  try {
    const images = join(folder, "images");
    await writeJpegs(join(images, "all"), count);
    const rows: FilesRow[] = [];
    for (const network of NETWORKS) {
      const checkpoint = join(folder, `${network}.safetensors`);
      {
        using model = new Model(specFor({ network, size: 224 }), {
          seed: 1,
          info: { normalization: normalize() },
        });
        await saveModel(model, checkpoint);
      }
      const programs = new Map<string, [string, string[]]>([
        [
          "mcloss predict",
          [process.execPath, [script("../../bin/mcloss.js"), "predict", checkpoint, images, "--json"]],
        ],
      ]);
      if (python) {
        for (const mode of quick ? ["channels_last"] : ["channels_last", "compiled"]) {
          programs.set(`PyTorch, ${mode}`, [python, [script("../predict_files.py"), network, images, mode]]);
        }
      }
      const best = new Map<string, number>();
      for (let round = 0; round < rounds; round += 1) {
        for (const [program, [command, args]] of programs) {
          best.set(program, Math.min(best.get(program) ?? Infinity, time(command, args)));
        }
      }
      for (const [program, seconds] of best) rows.push({ network, program, seconds });
    }
    say(`${count} JPEGs of 500 × 375 from the shell, the fastest of ${rounds}`);
    say(
      formatTable([
        ["network", "", "s"],
        ...rows.map(({ network, program, seconds }) => [network, program, seconds.toFixed(1)]),
      ]),
    );
    return rows;
  } finally {
    await rm(folder, { recursive: true });
  }
}
