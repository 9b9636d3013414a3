import { execFileSync } from "node:child_process";

const KINDS = { GLIBC: "glibc", GLIBCXX: "libstdc++ (GLIBCXX)", CXXABI: "libstdc++ (CXXABI)" };

function compare(a, b) {
  const [left, right] = [a, b].map((version) => version.split(".").map(Number));
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The highest version of each system library whose symbols libraries take, by `objdump -T`. */
export function neededVersions(files) {
  const output = execFileSync("objdump", ["-T", ...files], { encoding: "utf8", maxBuffer: 2 ** 30 });
  return highestVersions(output);
}

/** Of what `objdump -T` lists; a symbol that a library has itself is none that it needs. */
export function highestVersions(output) {
  const highest = {};
  for (const [, kind, version] of output.matchAll(/\*UND\*.*\((GLIBC|GLIBCXX|CXXABI)_([\d.]+)\)/g)) {
    const name = KINDS[kind];
    if (!(name in highest) || compare(version, highest[name]) > 0) highest[name] = version;
  }
  return highest;
}
