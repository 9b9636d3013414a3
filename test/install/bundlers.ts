import { cpSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Bench } from "./tools.js";

/** How a bundler is used, as docs/install.md says. */
export interface Bundler {
  /** Puts what it needs into a project, with the configuration that the page has. */
  prepare: (folder: string, page: string) => void;
  /** What Node runs. */
  build: readonly string[];
  output: string;
}

/** Each by its name, found when it is wanted. */
export const bundlers: Readonly<Record<string, (bench: Bench) => Bundler>> = {
  esbuild: (bench) =>
    bundler("esbuild", bench.tool("esbuild", "esbuild/package.json"), "build.mjs", ["build.mjs"]),
  Vite: (bench) =>
    bundler("vite", bench.tool("vite@8", "vite/package.json"), "vite.config.mjs", [
      "node_modules/vite/bin/vite.js",
      "build",
    ]),
};

function bundler(name: string, manifest: string, file: string, build: readonly string[]): Bundler {
  const prepare = (folder: string, page: string) => {
    const link = join(folder, "node_modules", name);
    rmSync(link, { force: true });
    symlinkSync(dirname(manifest), link);
    writeFileSync(join(folder, file), blockOf(page, file));
    cpSync(join(folder, "train.mjs"), join(folder, "main.mjs"));
    rmSync(join(folder, "out"), { recursive: true, force: true });
  };
  return { prepare, build, output: "out/main.mjs" };
}

/** The page's block that begins with a comment of the file's name. */
function blockOf(page: string, file: string): string {
  const found = page.split("```").find((block) => block.startsWith(`js\n// ${file}\n`));
  if (found === undefined) throw new Error(`docs/install.md has no block for ${file}`);
  return found.slice("js\n".length);
}
