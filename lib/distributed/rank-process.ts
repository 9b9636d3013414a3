import { writeFile } from "node:fs/promises";

type Env = Readonly<NodeJS.ProcessEnv>;

/** Whether this process was started by {@link launch}, rather than by another launcher or by hand. */
export function isLaunched(env: Env = process.env): boolean {
  return (env["MCLOSS_STORE"] ?? "") !== "" && process.send !== undefined;
}

/** Calls a function when the process that started this one is gone. It keeps nothing alive. */
export function onParentGone(gone: () => void): void {
  if (!isLaunched()) return;
  process.once("disconnect", gone);
  // The listener would keep this process alive for ever.
  process.channel?.unref();
  if (!process.connected) gone();
}

/**
 * Tells whatever started this process what it failed with: the supervisor, which prints what several say once, or torchrun,
 * which prints it as the root cause.
 * @returns whether it is told, so that this process need not print it
 */
export async function reportFailure(message: string, env: Env = process.env): Promise<boolean> {
  const file = env["TORCHELASTIC_ERROR_FILE"];
  if (file) await writeErrorFile(file, message);
  if (!isLaunched(env) || !process.connected) return false;
  return await new Promise((resolve) => {
    process.send?.({ failure: message }, (error: Error | null) => {
      resolve(error === null);
    });
  });
}

/** As PyTorch's torch.distributed.elastic.multiprocessing.errors has it. */
async function writeErrorFile(file: string, message: string): Promise<void> {
  const timestamp = `${Math.floor(Date.now() / 1000)}`;
  const error = { message: { message, extraInfo: { py_callstack: "", timestamp } } };
  // It is one more place to look at; the message is printed too.
  await writeFile(file, JSON.stringify(error)).catch(() => undefined);
}
