/** What runs this, with its version: Bun and Deno pass for a Node of some version. */
export function runtimeVersion(): string {
  const { bun, deno, electron } = process.versions;
  const others = Object.entries({ Bun: bun, Deno: deno, Electron: electron });
  const found = others.find(([, version]) => version !== undefined);
  return found ? found.join(" ") : process.version;
}

/** How a script is run in a process of its own by what runs this. */
export function scriptCommand(
  script: string,
  given: readonly string[] = [],
): { command: string; args: string[]; env: NodeJS.ProcessEnv } {
  const flags = process.versions["deno"] === undefined ? [] : ["run", "--allow-all"];
  // Electron would open a window.
  const env = { ...process.env, ELECTRON_RUN_AS_NODE: "1" };
  return { command: process.execPath, args: [...flags, script, ...given], env };
}
