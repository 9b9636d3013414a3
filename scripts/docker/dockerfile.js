import { readFileSync } from "node:fs";

/** The Dockerfiles of a page, each as its instructions: `{ name: "RUN", text: "npm ci" }`. */
export function dockerfilesOf(page) {
  const blocks = readFileSync(page, "utf8").matchAll(/^```dockerfile\n(.*?)^```$/gms);
  return [...blocks].map(([, block]) => instructionsOf(block));
}

function instructionsOf(text) {
  return text
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, name = "", rest = ""] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
      return { name, text: rest.trim() };
    });
}

/** What follows an instruction's `--flags`, and those as an object. */
export function splitFlags(text) {
  const words = text.split(/\s+/);
  const count = words.findIndex((word) => !word.startsWith("--"));
  const flags = words.slice(0, count).map((word) => word.slice(2).split(/=(.*)/s).slice(0, 2));
  return { flags: Object.fromEntries(flags), rest: words.slice(count).join(" ") };
}

/** "A=1 B=2" as an object; `$A` is what it was before. */
export function assignmentsOf(text, before) {
  const pairs = text.split(/\s+/).map((pair) => pair.split(/=(.*)/s));
  return Object.fromEntries(
    pairs.map(([name, value]) => [name, value.replace(/\$(\w+)/g, (_, used) => before[used] ?? "")]),
  );
}
