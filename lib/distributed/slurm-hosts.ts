import { invalidArgument } from "../errors.js";

/**
 * The first host of Slurm's list, which shortens names that differ by a number: "gpu[07-09,12],login" begins with gpu07.
 * @param variable where the list is from, for messages
 */
export function firstHost(list: string, variable: string): string {
  const [first = ""] = list.split(/,(?![^[]*\])/);
  const host = first.replaceAll(/\[(\d+)[^\]]*\]/g, "$1");
  if (/^[\w.-]+$/.test(host)) return host;
  const text = `is not a list of hosts, got ${JSON.stringify(list)}: set MASTER_ADDR to the host of SLURM_PROCID 0`;
  throw invalidArgument(variable, text);
}
