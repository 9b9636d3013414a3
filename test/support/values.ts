import type { Tensor } from "mutual-channel-loss";

/** A tensor's elements as numbers. */
export async function values(x: Tensor | null | undefined): Promise<number[]> {
  if (!x) throw new Error("there is no tensor");
  return Array.from(await x.data(), Number);
}
