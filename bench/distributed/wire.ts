import { execFileSync } from "node:child_process";
import type { Wire } from "./ranks.js";

const NAMESPACES = ["mcloss-bench-a", "mcloss-bench-b"] as const;

/** Two network namespaces with a wire of so many Mbit/s between them. Needs root, ip and tc. */
export function layWire(mbit: number): Wire & { remove: () => void } {
  const ip = (...args: string[]) => execFileSync("ip", args, { stdio: ["ignore", "ignore", "inherit"] });
  const [first, second] = NAMESPACES;
  ip("netns", "add", first);
  ip("netns", "add", second);
  ip("link", "add", "mclossa", "type", "veth", "peer", "name", "mclossb");
  NAMESPACES.forEach((name, index) => {
    ip("link", "set", index === 0 ? "mclossa" : "mclossb", "netns", name, "name", "wire");
    ip("-n", name, "addr", "add", `10.78.0.${index + 1}/24`, "dev", "wire");
    ip("-n", name, "link", "set", "wire", "up");
    ip("-n", name, "link", "set", "lo", "up");
    const limit = `qdisc add dev wire root tbf rate ${mbit}mbit burst 256kb latency 50ms`;
    execFileSync("ip", ["netns", "exec", name, "tc"].concat(limit.split(" ")));
  });
  const remove = () => {
    for (const name of NAMESPACES) ip("netns", "del", name);
  };
  return { namespaces: NAMESPACES, address: "10.78.0.1", remove };
}
