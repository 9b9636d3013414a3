import { readFileSync } from "node:fs";
import { native } from "#lib/native/binding.js";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

/** What a result was measured with. */
export function versions(): Record<string, string> {
  return {
    "mutual-channel-loss": version,
    libtorch: native().torchVersion().runtime,
    node: process.version,
  };
}
