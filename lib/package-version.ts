import { createRequire } from "node:module";

const manifest = createRequire(import.meta.url)("../package.json") as { version: string };

/** This package's own, such as "0.1.0". */
export const PACKAGE_VERSION = manifest.version;
