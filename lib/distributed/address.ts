import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { McLossError, invalidArgument } from "../errors.js";
import { reasonOf } from "../system-error.js";
import type { MeetingPlace, TcpPlace } from "./environment.js";

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

/**
 * The one address of this machine at which rank 0's store listens: where MASTER_ADDR leads. Undefined, for all of them, where
 * that is a loopback address by a name, or beside an interface: other machines may know rank 0 by another address.
 * @throws McLossError as {@link ownAddress}
 */
export async function listenAddress(
  { host, port }: TcpPlace,
  env: Readonly<NodeJS.ProcessEnv> = process.env,
): Promise<string | undefined> {
  const found = await resolveHost(host);
  const own = found.find(({ address }) => isOwn(address))?.address;
  // A service's, or one of a router that passes it on.
  if (own === undefined) return addressTowards(host, port);
  if (!isLoopback(own)) return own;
  return isLoopbackHost(host) && !env["GLOO_SOCKET_IFNAME"] ? own : undefined;
}

/** Whether only this machine reaches it. */
export function isLoopback(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\./.test(address);
}

/** Whether it stands for a loopback address on every machine. */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || (isIP(host) > 0 && isLoopback(host));
}

/** Whether it is an address of this machine. */
function isOwn(address: string): boolean {
  if (isLoopback(address)) return true;
  const [plain] = address.split("%");
  return Object.values(networkInterfaces()).some((own) => own?.some((one) => one.address === plain));
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
  const found = await resolveHost(host);
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

/** IPv4 comes first, on all machines: the processes must be at addresses of one kind. */
async function resolveHost(host: string): Promise<LookupAddress[]> {
  try {
    return await lookup(host, { all: true, order: "ipv4first" });
  } catch (cause) {
    throw unknownHost(host, cause);
  }
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
