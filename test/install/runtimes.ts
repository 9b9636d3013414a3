import { bunOf, nodeOf } from "./managers.js";
import { linkAlone, type Bench } from "./tools.js";

/** What runs JavaScript. */
export interface Runtime {
  /** Runs a script, which follows. */
  command: readonly string[];
  version: readonly string[];
  /** Whether it takes TypeScript in a file of its own, types and nothing else to be removed. */
  typescript: boolean;
}

/** Each by its name, found when it is wanted. */
export const runtimes: Readonly<Record<string, (bench: Bench) => Runtime>> = {
  [`Node ${process.versions.node.split(".")[0]}, this one`]: (bench) =>
    node(linkAlone(process.execPath, bench.path("this-node")), false),
  "Node 22": (bench) => node(nodeOf(bench, "22"), true),
  "Node 24": (bench) => node(nodeOf(bench, "24"), true),
  "Node 26": (bench) => node(nodeOf(bench, "26"), true),
  Bun: (bench) => {
    const bun = bunOf(bench);
    return { command: [bun], version: [bun, "--version"], typescript: true };
  },
  Deno: (bench) => {
    const deno = bench.tool("deno@2", "@deno/linux-x64-glibc/deno");
    return { command: [deno, "run", "--allow-all"], version: [deno, "--version"], typescript: true };
  },
};

function node(path: string, typescript: boolean): Runtime {
  return { command: [path], version: [path, "--version"], typescript };
}
