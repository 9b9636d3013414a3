import { execFileSync } from "node:child_process";
import { cpSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT } from "../support/docs.js";
import { writeColorFolder } from "../support/images.js";
import { pack } from "../support/packed-package.js";

const PLATFORM = "@mutual-channel-loss/linux-x64";
const PROGRAMS = fileURLToPath(new URL("programs", import.meta.url));

/** The packed packages, as they would be on npm. */
export interface Tarballs {
  main: string;
  platform: string;
}

/** The platform's package has an addon for the LibTorch at hand. */
export function packAll(target: string): Tarballs {
  execFileSync("npm", ["run", "--silent", "build:prebuilt"], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const platform = pack(target, join(ROOT, "npm", "linux-x64"));
  return { main: pack(target).tarball, platform: platform.tarball };
}

/** A project with nothing in it but images and programs, that depends on the package. */
export async function makeProject(folder: string, { main, platform }: Tarballs): Promise<void> {
  mkdirSync(folder, { recursive: true });
  // A project that takes the platform's package from a file must say so, each manager in its own words.
  const own = { [PLATFORM]: `file:${platform}` };
  const manifest = {
    name: "project",
    private: true,
    type: "commonjs", // as npm init writes it
    dependencies: { "mutual-channel-loss": `file:${main}`, ...own },
    overrides: { [PLATFORM]: `$${PLATFORM}` },
    resolutions: own,
    pnpm: { overrides: own },
  };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  cpSync(PROGRAMS, folder, { recursive: true });
  await writeColorFolder(join(folder, "photos", "train"), 4);
  await writeColorFolder(join(folder, "photos", "test"), 2);
}

/** MiB on disk, links not followed. */
export function sizeOf(folder: string): number {
  const bytes = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => lstatSync(join(entry.parentPath, entry.name)).size)
    .reduce((sum, size) => sum + size, 0);
  return bytes / 2 ** 20;
}

/** How many packages npm installed in a project. */
export function countPackages(folder: string): number {
  const lock = readFileSync(join(folder, "node_modules", ".package-lock.json"), "utf8");
  return Object.keys((JSON.parse(lock) as { packages: object }).packages).length;
}
