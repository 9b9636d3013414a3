import { execFileSync } from "node:child_process";

const KINDS = { GLIBC: "glibc", GLIBCXX: "libstdc++ (GLIBCXX)", CXXABI: "libstdc++ (CXXABI)" };

/** What a prebuilt addon may need: what LibTorch needs, glibc 2.28, and libstdc++ of GCC 8, which came with it. */
export const FLOOR = {
  glibc: "2.28",
  "libstdc++ (GLIBCXX)": "3.4.25",
  "libstdc++ (CXXABI)": "1.3.11",
};

function compare(a, b) {
  const [left, right] = [a, b].map((version) => version.split(".").map(Number));
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** What `objdump -T` lists of libraries. */
export function dynamicSymbols(files) {
  return execFileSync("objdump", ["-T", ...files], { encoding: "utf8", maxBuffer: 2 ** 30 });
}

/** The symbols of system libraries in a list of `objdump -T`; one that a library has itself is none that it needs. */
function* neededSymbols(output) {
  const needed = /\*UND\*.*\((GLIBC|GLIBCXX|CXXABI)_([\d.]+)\)\s+(\S+)/g;
  for (const [, kind, version, symbol] of output.matchAll(needed))
    yield { name: KINDS[kind], version, symbol };
}

/** The highest version of each system library whose symbols libraries take. */
export function highestVersions(output) {
  const highest = {};
  for (const { name, version } of neededSymbols(output)) {
    if (!(name in highest) || compare(version, highest[name]) > 0) highest[name] = version;
  }
  return highest;
}

/** The symbols that an older system than the floor's lacks; native/portable/old_glibc.h binds such to older versions. */
export function symbolsAbove(output, floor = FLOOR) {
  return [...neededSymbols(output)]
    .filter(({ name, version }) => compare(version, floor[name]) > 0)
    .map(({ name, version, symbol }) => `${symbol} of ${name} ${version}`);
}
