import { expect } from "chai";
import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { ROOT } from "../support/docs.js";
import { temporaryFolder } from "../support/images.js";

/** What a program says of each subpath: a value and a type of each. */
const PROGRAM = `
import { ChannelGroups, tensor, type Tensor, type TrainerOptions } from "mutual-channel-loss";
import { resize, type TransformSpec } from "mutual-channel-loss/data";
import { mcLoss, type Pooling } from "mutual-channel-loss/loss";
import { describe, type ModelDescription } from "mutual-channel-loss/models";
import { compareRuns, type Comparison } from "mutual-channel-loss/report";
import { diagnose, setup, type Diagnosis } from "mutual-channel-loss/setup";
import { softmax, type Device } from "mutual-channel-loss/tensor";
import { SGD, type Schedule } from "mutual-channel-loss/train";
import { renderImageSheet, type ImageSheetOptions } from "mutual-channel-loss/visualize";

const transforms: TransformSpec[] = [resize(32)];
const pooling: Pooling = "max";
const device: Device = "cpu";
const options: TrainerOptions = { epochs: 1, schedule: { type: "multiStep", milestones: [1] } satisfies Schedule };
const sheet: ImageSheetOptions = { width: 500 };
const compare: (folders: string[]) => Promise<Comparison> = compareRuns;
const look: () => Promise<Diagnosis> = diagnose;
const about: (spec: Parameters<typeof describe>[0]) => ModelDescription = describe;
const features: Tensor = tensor([1, 2, 3, 4], { shape: [1, 2, 1, 2], device });
const { loss } = mcLoss(features, tensor(Int32Array.of(1), { dtype: "int64" }), {
  groups: ChannelGroups.uniform(2, 1),
  pooling,
});
// @ts-expect-error -- the types are there: a loss is no text
const wrong: string = loss;
console.log(JSON.stringify([typeof loss.item(), transforms.length, options.epochs, sheet.width]), typeof wrong,
  [SGD, setup, renderImageSheet, softmax, compare, look, about].every((each) => typeof each === "function"));
`;

const RESOLUTIONS: Record<string, ts.CompilerOptions> = {
  node16: { module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16 },
  nodenext: { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
  bundler: { module: ts.ModuleKind.Preserve, moduleResolution: ts.ModuleResolutionKind.Bundler },
};

describe("a program that uses the package", () => {
  const folder = temporaryFolder();

  before(() => {
    mkdirSync(join(folder(), "node_modules"));
    symlinkSync(ROOT, join(folder(), "node_modules", "mutual-channel-loss"));
    symlinkSync(join(ROOT, "node_modules", "@types"), join(folder(), "node_modules", "@types"));
    for (const name of ["program.mts", "program.cts"]) writeFileSync(join(folder(), name), PROGRAM);
  });

  for (const [name, resolution] of Object.entries(RESOLUTIONS)) {
    it(`finds types and values through ${name}, as a module and as CommonJS`, () => {
      const files = ["program.mts", "program.cts"].map((file) => join(folder(), file));
      const program = ts.createProgram(files, {
        ...resolution,
        strict: true,
        noEmit: name === "bundler",
        target: ts.ScriptTarget.ES2022,
        lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
        types: ["node"],
        typeRoots: [join(ROOT, "node_modules", "@types")],
      });
      const problems = [...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics];
      expect(ts.formatDiagnostics(problems, host)).to.equal("");
      if (name === "bundler") return;
      for (const built of ["program.mjs", "program.cjs"]) {
        const { stdout, stderr } = spawnSync(process.execPath, [built], { cwd: folder(), encoding: "utf8" });
        expect(stdout, stderr).to.equal('["number",1,1,500] object true\n');
      }
    });
  }

  const host: ts.FormatDiagnosticsHost = {
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => folder(),
    getNewLine: () => "\n",
  };
});
