import type { EnvHttpProxyAgent } from "undici";
import { reasonOf } from "../system-error.js";

/** How long a server may say nothing, unless it is said otherwise. */
export const STALL_MS = 30_000;

/** What asking a server again does not change. */
export class Refusal extends Error {}

/** Connections to servers, by way of the proxies that `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` of `env` name. */
export async function openAgent(env: NodeJS.ProcessEnv, stallMs = STALL_MS): Promise<EnvHttpProxyAgent> {
  const { EnvHttpProxyAgent } = await import("undici");
  return new EnvHttpProxyAgent({ ...proxies(env), headersTimeout: stallMs, bodyTimeout: stallMs });
}

/** As undici takes them; it would read this process's environment. */
function proxies(env: NodeJS.ProcessEnv): { httpProxy?: string; httpsProxy?: string; noProxy: string } {
  const valueOf = (name: string) => env[name.toLowerCase()] || env[name.toUpperCase()];
  const [http, https] = [valueOf("http_proxy"), valueOf("https_proxy")];
  return {
    ...(http ? { httpProxy: http } : {}),
    ...(https ? { httpsProxy: https } : {}),
    noProxy: valueOf("no_proxy") ?? "",
  };
}

/** An answer that is not what was asked for. Asking again helps where the server is at fault, or too busy. */
export function refusedBy(status: number): Error {
  const text = `the server answered ${status}`;
  return status >= 500 || status === 429 || status === 408 ? new Error(text) : new Refusal(text);
}

/** undici says "fetch failed", and its cause why. */
export function plainError(error: unknown): Error {
  const { cause } = error as { cause?: unknown };
  return error instanceof Refusal ? error : new Error(reasonOf(cause ?? error), { cause: error });
}
