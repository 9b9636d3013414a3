import type { StoredTensor } from "../native/binding.js";
import type { CheckpointFile } from "./checkpoint-file.js";
import type { PickledTensor } from "./pytorch-pickle.js";

/** A storage in the file, as a tensor of one dimension. */
export interface StoredStorage extends StoredTensor {
  shape: [elements: number];
}

/** What torch.save wrote, as far as it is data; nothing of its tensors' elements was read. */
export interface PyTorchFile {
  file: CheckpointFile;
  /** What was given to torch.save; dicts are Maps. */
  value: unknown;
  /** Where the storage of the tensor `name` lies. @throws McLossError ERR_CHECKPOINT */
  locate: (name: string, view: PickledTensor) => StoredStorage;
}
