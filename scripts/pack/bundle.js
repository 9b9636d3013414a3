// Makes of lib/ what the published package has of it: the files that are imported from outside or run by themselves, and what they
// share in few others, as Node takes a quarter of a millisecond and more for each file that it loads.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { rolldown } from "rolldown";
import ts from "typescript";

const LIB = "lib";
/** Files of what several subpaths load. */
const SHARED = "shared";
/** Files of what is loaded when it is used. */
const LAZY = "lazy";

/** Its hundred files are most of what an import would load; of it only what is used remains. */
const BUNDLED = "zod";

/** The files that package.json's `exports` name, without "dist/" and their ending. */
function subpathEntries({ exports }) {
  const files = Object.values(exports).flatMap((target) => target.import?.default ?? []);
  return files.map((file) => file.replace(/^\.\/dist\/|\.js$/g, ""));
}

/** What runs by itself: the command line, and what lib/ starts in a process of its own. */
function processEntries() {
  const named = readdirSync(LIB, { recursive: true })
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => [
      ...readFileSync(join(LIB, name), "utf8").matchAll(/\bcompiledFile\("([^"]+)\.js"\)/g),
    ])
    .map(([, name]) => name)
    .filter((name) => !name.startsWith("report/browser/"));
  return ["cli/main", ...new Set(named)];
}

/** As tsc compiles each file. */
function typescript() {
  const { config } = ts.readConfigFile("tsconfig.json", ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ".");
  return {
    name: "typescript",
    transform: {
      filter: { id: /\.ts$/ },
      handler(code, fileName) {
        // The comments are in the types and in the source maps.
        const others = { module: ts.ModuleKind.ESNext, sourceMap: true, removeComments: true };
        const compilerOptions = { ...options, ...others };
        const { outputText, sourceMapText } = ts.transpileModule(code, { fileName, compilerOptions });
        return { code: outputText, map: sourceMapText, moduleType: "js" };
      },
    },
  };
}

/** Which subpaths load a module at once, without a lazy import: "index+train". A subpath's own file is in none: it exports its names alone. */
function findLoaders(subpaths, context) {
  const loaders = new Map();
  const entryOf = (subpath) => join(process.cwd(), LIB, `${subpath}.ts`);
  for (const subpath of subpaths) {
    const waiting = [entryOf(subpath)];
    const seen = new Set(waiting);
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      loaders.set(id, [...(loaders.get(id) ?? []), basename(subpath)]);
      for (const imported of context.getModuleInfo(id)?.importedIds ?? []) {
        if (isAbsolute(imported) && !seen.has(imported)) waiting.push(imported);
        seen.add(imported);
      }
    }
  }
  for (const subpath of subpaths) loaders.delete(entryOf(subpath));
  return loaders;
}

/** Puts what the same subpaths load into one file, named after most of it. */
function shareBySubpaths(subpaths) {
  let names;
  return (id, context) => {
    names ??= nameGroups(findLoaders(subpaths, context));
    return names.get(id) ?? null;
  };
}

function nameGroups(loaders) {
  const groups = groupBy([...loaders.keys()], (id) =>
    isOf(id, BUNDLED) ? BUNDLED : loaders.get(id).join("+"),
  );
  const taken = new Map();
  const names = new Map();
  for (const ids of groups.values()) {
    const room = roomOf(ids);
    const count = (taken.get(room) ?? 0) + 1;
    taken.set(room, count);
    for (const id of ids) names.set(id, `${SHARED}/${room}${count > 1 ? `-${count}` : ""}`);
  }
  return names;
}

/** The folder of lib/ that most of some modules are of. */
function roomOf(ids) {
  const rooms = groupBy(ids, (id) => {
    if (isOf(id, BUNDLED)) return BUNDLED;
    const path = relative(LIB, id);
    return path.includes(sep) ? path.split(sep)[0] : "base";
  });
  return [...rooms].sort(([, a], [, b]) => b.length - a.length)[0][0];
}

function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

function isOf(id, name) {
  return id.includes(`${sep}node_modules${sep}${name}${sep}`);
}

/** @param target the folder for the package's dist */
export async function bundle(manifest, target) {
  const subpaths = subpathEntries(manifest);
  const entries = [...subpaths, ...processEntries()];
  const external = [...Object.keys(manifest.dependencies).filter((name) => name !== BUNDLED), "tsx"];
  const build = await rolldown({
    input: Object.fromEntries(entries.map((name) => [name, join(LIB, `${name}.ts`)])),
    platform: "node",
    external: external.map((name) => new RegExp(`^${name}(/|$)`)),
    resolve: { extensionAlias: { ".js": [".ts", ".js"] } },
    plugins: [typescript()],
    preserveEntrySignatures: "allow-extension",
    checks: { bundlerTimings: false },
    onLog(level, log) {
      throw new Error(`${level}: ${log.message}`);
    },
  });
  const licence = readFileSync(licenceOf(BUNDLED), "utf8");
  await build.write({
    dir: target,
    format: "esm",
    sourcemap: true,
    // Once the target is dist/.
    sourcemapPathTransform(source, map) {
      const path = relative(".", resolve(dirname(map), source));
      return relative(dirname(join("dist", relative(target, map))), path);
    },
    keepNames: true,
    entryFileNames: "[name].js",
    chunkFileNames: ({ name }) => (name.startsWith(`${SHARED}/`) ? "[name].js" : `${LAZY}/[name].js`),
    banner: ({ name }) => (name === `${SHARED}/${BUNDLED}` ? `/*! ${BUNDLED}\n${licence}*/` : ""),
    codeSplitting: {
      groups: [{ name: shareBySubpaths(subpaths), debugName: "shared" }],
      includeDependenciesRecursively: false,
    },
  });
  await build.close();
  removeMap(join(target, SHARED, `${BUNDLED}.js`));
}

/** Half a megabyte of another package. */
function removeMap(file) {
  rmSync(`${file}.map`);
  writeFileSync(file, readFileSync(file, "utf8").replace(/\n\/\/# sourceMappingURL=.*\n?$/, "\n"));
}

function licenceOf(name) {
  const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  const path = join(folder, "LICENSE");
  if (!existsSync(path)) throw new Error(`${path} is missing, which the bundle must have`);
  return path;
}
