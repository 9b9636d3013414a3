// Adopts a prebuilt addon in a process of its own, during which setup can tell that it is still at work: see prebuilt.ts.
import type { Libtorch } from "./libtorch.js";
import { adoptAddon, type Prebuilt } from "./prebuilt.js";

const [addon, libtorch] = process.argv.slice(2).map((text) => JSON.parse(text) as unknown);
console.log(JSON.stringify(adoptAddon(addon as Prebuilt, libtorch as Libtorch, { retry: true })));
