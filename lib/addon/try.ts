// Loads the addon that its argument names, in a process of its own, which it may take with it: see prebuilt.ts.
import { loadAddon } from "./load.js";

loadAddon([process.argv[2] ?? ""]);
