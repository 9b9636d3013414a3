import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

/** What shells, and the commands that package managers write, take. No compiler, CMake or Python is among them. */
const PROGRAMS = [
  "sh",
  "env",
  "uname",
  "sed",
  "dirname",
  "basename",
  "readlink",
  "cat",
  "rm",
  "mkdir",
  "ls",
  "cp",
  "ln",
];
/** What is handed on of this process's environment: the way to the registry. */
const HANDED_ON = ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS"];
const LIMIT_MS = 300_000;

/** What a command came to. */
export interface Ran {
  seconds: number;
  stdout: string;
}

/** Something that this machine, or its registry, does not have. */
export class Unavailable extends Error {}

/** A folder of its own for all that is tried: programs, caches, projects. */
export class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), "mcloss-install-"));
  readonly #env: NodeJS.ProcessEnv;

  constructor() {
    const bin = this.path("bin");
    for (const folder of [bin, this.path("home")]) mkdirSync(folder);
    for (const name of PROGRAMS) {
      const program = ["/bin", "/usr/bin"]
        .map((folder) => join(folder, name))
        .find((path) => existsSync(path));
      if (program !== undefined) symlinkSync(program, join(bin, name));
    }
    const registry = npmSetting("registry");
    const authority = npmSetting("cafile");
    this.#env = {
      ...Object.fromEntries(
        HANDED_ON.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
      ),
      HOME: this.path("home"),
      PATH: bin,
      MCLOSS_CACHE: this.path("cache"),
      CI: "1",
      npm_config_registry: registry,
      YARN_REGISTRY: registry,
      YARN_NPM_REGISTRY_SERVER: registry,
      YARN_CACHE_FOLDER: this.path("yarn-cache"),
      YARN_ENABLE_GLOBAL_CACHE: "0",
      YARN_ENABLE_TELEMETRY: "0",
      YARN_ENABLE_IMMUTABLE_INSTALLS: "0",
      BUN_INSTALL_CACHE_DIR: this.path("bun-cache"),
      ...(authority ? { npm_config_cafile: authority, NODE_EXTRA_CA_CERTS: authority } : {}),
    };
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  /**
   * Runs a command where there is nothing on the PATH but the given Node and {@link PROGRAMS}.
   * @throws Error with the last lines of what it said
   */
  run(
    cwd: string,
    [command = "", ...args]: readonly string[],
    { node, env = {} }: { node?: string; env?: NodeJS.ProcessEnv } = {},
  ): Ran {
    const started = performance.now();
    const path = [...(node === undefined ? [] : [dirname(node)]), this.path("bin")].join(":");
    const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
      cwd,
      env: { ...this.#env, PATH: path, ...env },
      encoding: "utf8",
      timeout: LIMIT_MS,
      maxBuffer: 2 ** 28,
    });
    if (status === 0) return { seconds: (performance.now() - started) / 1000, stdout };
    const said = `${stdout}\n${stderr}`.trim().split("\n").slice(-8).join("\n    ");
    const reason = error?.message ?? `ended with ${signal ?? status ?? "nothing"}`;
    throw new Error(`${[command, ...args].join(" ")}: ${reason}\n    ${said}`);
  }

  /**
   * A program of a package of the registry, whose scripts do not run.
   * @param spec such as "pnpm@10"
   * @param file its path in node_modules
   * @throws Unavailable
   */
  tool(spec: string, file: string): string {
    const folder = this.path("tools", spec.replaceAll(/[^\w.]+/g, "-"));
    const path = join(folder, "node_modules", file);
    if (existsSync(path)) return path;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), "{}");
    const flags = [
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--loglevel",
      "error",
      "--fetch-retries",
      "1",
    ];
    const { stderr } = spawnSync("npm", ["install", ...flags, spec], {
      cwd: folder,
      encoding: "utf8",
      timeout: LIMIT_MS,
    });
    if (existsSync(path)) return path;
    throw new Unavailable(`${spec} cannot be had: ${stderr.trim().split("\n")[0] || `it has no ${file}`}`);
  }
}

/** A link to a program, in a folder with nothing else. */
export function linkAlone(program: string, folder: string): string {
  const link = join(folder, basename(program));
  mkdirSync(folder, { recursive: true });
  if (!existsSync(link)) symlinkSync(program, link);
  return link;
}

/** npm's own setting, such as its registry; "" where it has none. */
function npmSetting(name: string): string {
  const value = execFileSync("npm", ["config", "get", name], { encoding: "utf8" }).trim();
  return value === "null" || value === "undefined" ? "" : value;
}
