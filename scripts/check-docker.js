// `npm run check:docker`: does what the Dockerfiles of docs/docker.md say without Docker, step by step, in a Debian made by
// debootstrap with Node and nothing else, and runs what they start. It takes root, and the platform's package filled by
// `npm run build:prebuilt`.
//   --wheel FILE   PyTorch's CPU wheel, for `setup --from-file`, where its server cannot be reached
//   --torch DIR    what the stage `torch` makes: a folder with torch/ and nvidia/; without it the Dockerfile for GPUs is left out
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { chown, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { assignmentsOf, dockerfilesOf, splitFlags } from "./docker/dockerfile.js";
import { makeBase, RootFilesystem } from "./docker/rootfs.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const NODE_USER = 1000;
/** Where the packed packages are, in the context and in the image. */
const PACKAGES = "packages";

const { values: given } = parseArgs({ options: { wheel: { type: "string" }, torch: { type: "string" } } });
const wheel = given.wheel && resolve(given.wheel);

/** A project that trains on photos, with the packages as npm would publish them. */
async function makeContext(folder) {
  const packages = join(folder, PACKAGES);
  mkdirSync(packages, { recursive: true });
  for (const cwd of [ROOT, join(ROOT, "npm/linux-x64")]) {
    execFileSync("npm", ["pack", "--silent", "--pack-destination", packages], { cwd });
  }
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const dependencies = {
    "mutual-channel-loss": `file:${PACKAGES}/mutual-channel-loss-${version}.tgz`,
    "@mutual-channel-loss/linux-x64": `file:${PACKAGES}/mutual-channel-loss-linux-x64-${version}.tgz`,
  };
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name: "photos", private: true, dependencies }),
  );
  execFileSync("npm", ["install", "--silent", "--package-lock-only"], { cwd: folder });
  for (const part of ["train", "test"]) {
    for (const background of ["red", "green", "blue"]) {
      const images = join(folder, "photos", part, background);
      await mkdir(images, { recursive: true });
      for (let i = 0; i < 8; i += 1) {
        await sharp({ create: { width: 40 + i, height: 40, channels: 3, background } }).toFile(
          join(images, `${i}.png`),
        );
      }
    }
  }
}

function timed(label, action) {
  console.log(`\n--- ${label}`);
  const started = performance.now();
  action();
  console.log(`    ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

/** `setup` where its server cannot be reached. */
function offline(command) {
  if (!wheel) return command;
  return command.replace(/mcloss setup(?! --cuda)/, `mcloss setup --from-file /wheels/${basename(wheel)}`);
}

/** Does what a Dockerfile says. */
async function follow(instructions, base, work, context) {
  const image = new RootFilesystem(base, join(work, "image"));
  if (wheel) image.bind(dirname(wheel), "/wheels");
  const state = { cwd: "/", env: { PATH }, user: "root" };
  let stage = "";
  for (const { name, text } of instructions) {
    if (name === "FROM") stage = / AS (\S+)/i.exec(text)?.[1] ?? "";
    if (stage !== "") continue;
    const { flags, rest } = splitFlags(text);
    const [from, to] = rest.split(/ (?=\S+$)/);
    if (name === "ENV") Object.assign(state.env, assignmentsOf(text, state.env));
    if (name === "USER") state.user = text;
    if (name === "WORKDIR") {
      state.cwd = text;
      mkdirSync(join(image.path, text), { recursive: true });
    }
    if (name === "COPY" && flags.from) image.bind(join(given.torch, basename(from)), to);
    if (name === "COPY" && !flags.from) {
      const files = from === "." ? ["package.json"] : [...from.split(" "), PACKAGES];
      for (const file of files)
        cpSync(join(context, file), join(image.path, state.cwd, file), { recursive: true });
    }
    if (name === "RUN") timed(`RUN ${rest}`, () => image.run(["/bin/sh", "-c", offline(rest)], state));
    if (name === "CMD") await start(JSON.parse(text), image, state, context);
  }
}

/** What `docker run` does: the folders of images and runs are the host's. */
async function start(command, image, state, context) {
  const folder = (path) => join(image.path, state.cwd, path);
  cpSync(join(context, "photos"), folder("photos"), { recursive: true });
  await mkdir(folder("runs"));
  await chown(folder("runs"), NODE_USER, NODE_USER);
  const [line, ...before] = command.toReversed();
  const args =
    command[1] === "-c"
      ? [...before.toReversed(), `${offline(line)} --epochs 1`]
      : [...command, "--epochs", "1"];
  for (const which of ["first", "second"]) {
    timed(`${which} start, as ${state.user}: ${args.join(" ")}`, () => image.run(args, state));
    rmSync(folder("runs/photos"), { recursive: true });
  }
}

const dockerfiles = dockerfilesOf(join(ROOT, "docs/docker.md"));
const kept = join(ROOT, "build/docker");
mkdirSync(kept, { recursive: true });
const base = makeBase(kept);
const work = mkdtempSync(join(tmpdir(), "mcloss-docker-"));
try {
  const context = join(work, "context");
  await makeContext(context);
  for (const instructions of dockerfiles) {
    const images = instructions.filter(({ name }) => name === "FROM").map(({ text }) => text);
    console.log(`\n=== FROM ${images.join(", FROM ")}`);
    if (images.length > 1 && !given.torch) console.log("left out: it needs --torch DIR");
    else await follow(instructions, base, work, context);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
