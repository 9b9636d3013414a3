import { createSocket } from "node:dgram";
import { once } from "node:events";
import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";
import { McLossError, invalidArgument } from "../errors.js";
import { reasonOf } from "../system-error.js";
import type { MeetingPlace } from "./environment.js";

const LOOPBACK = "127.0.0.1";

/**
 * This machine's address, as the other processes reach it: that of GLOO_SOCKET_IFNAME's interface or, where that is not set,
 * of the one that leads to the meeting place. The host's own name would be a loopback address on many systems.
 * @throws McLossError ERR_DISTRIBUTED where the meeting place is not known or no way leads there, ERR_ARGUMENT for an
 * interface that there is not
 */
export async function ownAddress(
  place: MeetingPlace,
  env: Readonly<NodeJS.ProcessEnv> = process.env,
): Promise<string> {
  const wanted = env["GLOO_SOCKET_IFNAME"];
  if (wanted) return interfaceAddress(wanted);
  return place.type === "file" ? LOOPBACK : addressTowards(place.host, place.port);
}

/** Whether only this machine reaches it. */
export function isLoopback(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\./.test(address);
}

/** @param wanted names, of which the first that is there is taken */
function interfaceAddress(wanted: string): string {
  const all = networkInterfaces();
  for (const name of wanted.split(",")) {
    const addresses = all[name.trim()] ?? [];
    const found = addresses.find(({ family }) => family === "IPv4") ?? addresses.find(isGlobal);
    if (found) return found.address;
  }
  const known = Object.keys(all).join(", ");
  throw invalidArgument(
    "GLOO_SOCKET_IFNAME",
    `must be a network interface with an address, got ${wanted}: there are ${known}`,
  );
}

function isGlobal({ scopeid }: { scopeid?: number }): boolean {
  return (scopeid ?? 0) === 0;
}

async function addressTowards(host: string, port: number): Promise<string> {
  const found = await lookup(host, { all: true }).catch((cause: unknown) => {
    throw unknownHost(host, cause);
  });
  let problem: unknown;
  for (const { address, family } of found) {
    try {
      return await localAddress(address, family, port);
    } catch (error) {
      problem ??= error;
    }
  }
  throw new McLossError(
    "ERR_DISTRIBUTED",
    `no way leads from this machine to MASTER_ADDR ${host}, port ${port} (${reasonOf(problem)}): see whether its network is up, and whether the address is right`,
    { cause: problem },
  );
}

/** @throws McLossError ERR_DISTRIBUTED */
export function unknownHost(host: string, cause: unknown): McLossError {
  const text = `the name of MASTER_ADDR, ${host}, is not known to this machine (${reasonOf(cause)}): correct it, or give rank 0's address`;
  return new McLossError("ERR_DISTRIBUTED", text, { cause });
}

/** The address that a connection would come from. No packet is sent. */
async function localAddress(address: string, family: number, port: number): Promise<string> {
  const socket = createSocket(family === 6 ? "udp6" : "udp4");
  try {
    socket.connect(port, address);
    await once(socket, "connect");
    const own = socket.address().address;
    if (own === "0.0.0.0" || own === "::") throw new Error("no route");
    return own;
  } finally {
    socket.close();
  }
}
