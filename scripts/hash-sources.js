// Writes the hash of the native sources into dist/, for the package: it need not read them to find its addon.
import { writeFileSync } from "node:fs";
import { hashSources, PACKED_HASH } from "../dist/addon/build-info.js";

writeFileSync(PACKED_HASH, `${hashSources()}\n`);
