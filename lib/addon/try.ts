// Loads the addon that its argument names, in a process of its own, which it may take with it. It says which decoder of JPEGs
// the addon has, or why it does not load.
import { reasonOf } from "../system-error.js";
import { loadAddon } from "./load.js";

try {
  const addon = loadAddon([process.argv[2] ?? ""]) as { hasImageDecoder(format: string): boolean };
  console.log(addon.hasImageDecoder("jpeg") ? "libjpeg" : "sharp");
} catch (error) {
  console.log(reasonOf(error));
  process.exitCode = 1;
}
