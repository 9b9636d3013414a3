import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { tensor } from "mutual-channel-loss";
import { zeros } from "mutual-channel-loss/tensor";
import { initProcessGroup } from "#lib/distributed/init-process-group.js";
import type { ProcessGroup } from "#lib/distributed/process-group.js";
import { caught, rejected } from "../support/errors.js";

/** Every collective, on tensors that tell the ranks apart. */
export async function collectives(group: ProcessGroup) {
  const { rank } = group;
  const reduced: Record<string, number[]> = {};
  for (const op of ["sum", "mean", "min", "max"] as const) {
    const x = tensor([rank, 10 - rank, 1 / 3]);
    await group.allReduce(x, { op });
    reduced[op] = [...((await x.data()) as Float32Array)];
  }
  const words = tensor(BigInt64Array.of(2n ** 62n, BigInt(rank)), { dtype: "int64" });
  await group.broadcast(words, { from: 1 });
  const kinds = tensor([rank === 0, true]);
  await group.broadcast(kinds);
  const transposed = tensor([rank, 1, 2, 3, 4, 5], { shape: [2, 3] }).t();
  await group.allReduce(transposed);
  const gathered = await group.allGather(tensor([-0, rank / 3], { dtype: "float64" }));
  const scalars = await group.allGather(tensor(Uint8Array.of(200 + rank), { shape: [] }));
  const empty = zeros([0, 2]);
  await group.allReduce(empty);
  await group.barrier();
  return {
    reduced,
    words: await words.data(),
    kinds: await kinds.data(),
    transposed: await transposed.data(),
    gathered: await gathered.data(),
    scalars: [scalars.shape, await scalars.data()],
  };
}

/** What differs between the processes. */
export async function differences(group: ProcessGroup) {
  const error = await rejected(
    group.rank === 0 ? group.allReduce(zeros([4])) : group.allReduce(zeros([1 << 20])),
  );
  await group.destroy();
  const used = caught(() => group.handle);
  return [error.code, error.message, used.code];
}

/** Rank 1 leaves without a word. */
export async function lonely(group: ProcessGroup) {
  if (group.rank === 1) return null;
  const began = performance.now();
  const error = await rejected(group.allReduce(zeros([4])));
  const again = await rejected(group.barrier());
  // And how long it took to come so far, in milliseconds: longer on a busy machine, as all is.
  return [error.code, again.code, performance.now() - began, began] as const;
}

/** Rank 0 exits while a collective waits for rank 1, which waits for its parent. */
export async function leaving(group: ProcessGroup) {
  if (group.rank === 0) {
    void group.barrier();
    await new Promise((resolve) => setTimeout(resolve, 100));
    process.exit(7);
  }
  await once(process, "message");
  return null;
}

export interface Meeting {
  host: string;
  port: number;
  /** Addresses of this machine at which nothing is to listen. */
  others: readonly string[];
}

/** Meets at each port in turn. What the processes counted, and what rank 0's store is like at other addresses. */
export async function portMeetings({ rank, worldSize }: ProcessGroup, meetings: readonly Meeting[]) {
  const results: { sum: unknown; elsewhere: string[] }[] = [];
  for (const { host, port, others } of meetings) {
    await using group = await initProcessGroup({
      rank,
      worldSize,
      store: { host, port },
      timeoutSeconds: 120,
    });
    const x = tensor([rank + 1]);
    await group.allReduce(x);
    const elsewhere = await Promise.all(others.map((address) => tryPort(address, port)));
    await group.barrier();
    results.push({ sum: await x.data(), elsewhere });
  }
  return results;
}

async function tryPort(host: string, port: number): Promise<string> {
  const socket = connect({ host, port });
  try {
    await once(socket, "connect");
    return "listens";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "";
  } finally {
    socket.destroy();
  }
}

/** Groups of two, one after another, and how many files are open in between. */
export async function manyGroups(group: ProcessGroup, { folder, count }: { folder: string; count: number }) {
  const open: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const { rank, worldSize } = group;
    const one = await initProcessGroup({
      rank,
      worldSize,
      store: { file: `${folder}/${i}` },
      timeoutSeconds: 120,
    });
    const x = tensor([rank]);
    await one.allReduce(x);
    await one.destroy();
    x.dispose();
    // The other has let go as well.
    await group.barrier();
    if (i % 10 === 9) open.push((await readdir("/proc/self/fd")).length);
  }
  return open;
}
