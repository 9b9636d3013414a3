import { z } from "zod";
import { CheckpointFile } from "../io/checkpoint-file.js";
import { verifyChecksum } from "../io/file-checksum.js";
import { readHeader } from "../io/safetensors-header.js";
import { saveTensors } from "../io/safetensors.js";
import { modelMetadata } from "../models/checkpoint.js";
import type { Model } from "../models/model.js";
import { recordedNumber, recordJson } from "../record-json.js";
import type { Tensor } from "../tensor/tensor.js";

/** An epoch by the figure that it was judged by. */
export interface JudgedEpoch {
  epoch: number;
  value: number;
}

/** {@link JudgedEpoch}, as it is recorded. */
export const judgedSchema = z.object({ epoch: z.int().min(0), value: recordedNumber });

/** Tensors by their names in a checkpoint. */
export type NamedTensors = readonly (readonly [name: string, tensor: Tensor])[];

/**
 * Writes the weights that an epoch is the best with, and the epoch.
 * @throws McLossError ERR_IO naming the path
 */
export async function saveBest(
  path: string,
  model: Model,
  delivered: NamedTensors,
  judged: JudgedEpoch,
): Promise<void> {
  await saveTensors(path, delivered, { ...modelMetadata(model, path), judged: recordJson(judged, "judged") });
}

/** Which epoch a checkpoint of {@link saveBest} is of; undefined where it is missing, damaged or another's. */
export async function readBest(path: string): Promise<JudgedEpoch | undefined> {
  try {
    return await CheckpointFile.use(path, async (file) => {
      const { metadata, checksum } = await readHeader(file);
      await verifyChecksum(file, checksum, { required: true });
      return judgedSchema.parse(JSON.parse(metadata["judged"] ?? "null"));
    });
  } catch {
    return undefined;
  }
}
