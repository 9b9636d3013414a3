// What importing each subpath of the packed package costs: time, CPU time, memory and files, beside a bare Node process.
//   npm run bench -- import [--rounds 10] [--package DIR]
// --package measures another one: a checkout, with its files as tsc writes them, or what is installed in a project.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { pack, unpackInto } from "../test/support/packed-package.js";
import { median } from "./median.js";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "10" }, package: { type: "string" } },
});
const rounds = Number(values.rounds);
const scratch = mkdtempSync(join(tmpdir(), "mcloss-import-"));
const folder = values.package
  ? resolve(values.package)
  : unpackInto(join(scratch, "project"), pack(scratch).tarball);

interface Cost {
  milliseconds: number;
  cpu: number;
  megabytes: number;
}

const MEASURE = `
  const [rss, cpu, started] = [process.memoryUsage().rss, process.cpuUsage(), performance.now()];
  await import(process.argv[1]);
  const milliseconds = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  const megabytes = (process.memoryUsage().rss - rss) / 2 ** 20;
  console.log(JSON.stringify({ milliseconds, cpu: (user + system) / 1000, megabytes }));`;

function costOf(file: string): Cost {
  const args = ["--input-type=module", "--eval", MEASURE, pathToFileURL(file).href];
  return JSON.parse(spawnSync(process.execPath, args, { encoding: "utf8" }).stdout) as Cost;
}

/** The files that an import loads, its own and those of libraries, as V8 lists them. */
function filesOf(file: string): { own: number; libraries: number } {
  const coverage = mkdtempSync(join(scratch, "coverage-"));
  const env = { ...process.env, NODE_V8_COVERAGE: coverage };
  const source = `await import(${JSON.stringify(pathToFileURL(file).href)})`;
  spawnSync(process.execPath, ["--input-type=module", "--eval", source], { env });
  const urls = readdirSync(coverage).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(coverage, name), "utf8")) as {
      result: { url: string }[];
    };
    return result.map(({ url }) => url).filter((url) => url.startsWith("file:"));
  });
  const own = urls.filter((url) => url.startsWith(`${pathToFileURL(folder).href}/dist/`)).length;
  return { own, libraries: urls.length - own };
}

/** The files that the package's subpaths are. */
function subpaths(): [name: string, file: string][] {
  const { exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    exports: Record<string, { import?: { default: string } }>;
  };
  return Object.entries(exports).flatMap(([name, { import: target }]): [string, string][] =>
    target ? [[name === "." ? "(root)" : name.slice(1), join(folder, target.default)]] : [],
  );
}

console.log(
  `Node ${process.version}, the median of ${rounds} processes; time, CPU time and memory of the import alone`,
);
console.log("import".padEnd(12), "   ms", "CPU ms", "   MB", "  own files", "libraries'");
for (const [name, file] of subpaths()) {
  const costs = Array.from({ length: rounds }, () => costOf(file));
  const of = (key: keyof Cost, width: number) =>
    median(costs.map((cost) => cost[key]))
      .toFixed(0)
      .padStart(width);
  const { own, libraries } = filesOf(file);
  console.log(
    name.padEnd(12),
    of("milliseconds", 5),
    of("cpu", 6),
    of("megabytes", 5),
    String(own).padStart(11),
    String(libraries).padStart(10),
  );
}
rmSync(scratch, { recursive: true });
