import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./docs.js";

/** What `npm pack` tells of a package. */
export interface Packed {
  /** The tarball's path. */
  tarball: string;
  /** In the package, from its root. */
  files: string[];
  unpackedBytes: number;
}

/** Packs this package, or the one in `folder`, as it would be on npm. */
export function pack(target: string, folder = ROOT): Packed {
  const args = ["pack", "--json", "--foreground-scripts=false", "--pack-destination", target];
  const output = execFileSync("npm", args, { cwd: folder, encoding: "utf8" });
  const [{ filename, files, unpackedSize }] = JSON.parse(output) as [
    { filename: string; files: { path: string }[]; unpackedSize: number },
  ];
  const paths = files.map(({ path }) => path);
  return { tarball: join(target, filename), files: paths, unpackedBytes: unpackedSize };
}

/** Puts a tarball's content and its dependencies into a project's node_modules. @returns where the package is */
export function unpackInto(project: string, tarball: string): string {
  const modules = join(project, "node_modules");
  const target = join(modules, "mutual-channel-loss");
  mkdirSync(target, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "--strip-components=1", "-C", target]);
  for (const name of readdirSync(join(ROOT, "node_modules"))) {
    if (!name.startsWith(".") && !name.startsWith("@mutual-channel-loss")) {
      symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
    }
  }
  return target;
}
