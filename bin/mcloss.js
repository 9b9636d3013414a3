#!/usr/bin/env node
import { existsSync } from "node:fs";

const main = new URL("../dist/cli/main.js", import.meta.url);
if (existsSync(main)) {
  const { run } = await import(main.href);
  await run(process.argv);
} else {
  process.stderr.write("mcloss: dist/ is missing. In a checkout, run: npm ci && npm run build:ts\n");
  process.exitCode = 1;
}
