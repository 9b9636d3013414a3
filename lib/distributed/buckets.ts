import type { NativeReducerOptions } from "../native/binding.js";
import type { GroupBackend } from "./process-group.js";

type Buckets = Pick<NativeReducerOptions, "firstBucketBytes" | "bucketBytes">;

const MEBIBYTE = 2 ** 20;

/** How gradients are sent together: the first bucket is small, so that sending begins early. */
export function bucketsOf(backend: GroupBackend): Buckets {
  // By measurement, see bench/distributed.ts; between GPUs PyTorch's stand.
  const size = backend === "nccl" ? 25 : 1;
  return { firstBucketBytes: MEBIBYTE, bucketBytes: size * MEBIBYTE };
}
