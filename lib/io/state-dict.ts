import { invalidArgument } from "../errors.js";
import { isRecord } from "../plain-data.js";
import { parseOptions } from "../schema.js";
import type { Tensor } from "../tensor/tensor.js";
import { saveOptions, saveTensors, type SaveStateDictOptions } from "./safetensors.js";
import { stateDictOptions, useStateFile, type LoadStateDictOptions } from "./state-file.js";

/**
 * Reads named tensors from PyTorch's `.pth`/`.pt` or from `.safetensors`; which it is, the content tells. Tensors come on
 * the CPU with the file's shapes and dtypes, without gradients; those that share a storage in a PyTorch file share
 * it here. What else a PyTorch file holds beside the tensors is ignored. No code in the file is ever run: a file that asks
 * for anything but tensors and plain values is refused, with what it asked for. To load a model's weights,
 * {@link Model.load} reads into the memory that they have.
 *
 * Format: torch.save's zip, which is a pickle beside one record per storage
 * (https://docs.pytorch.org/docs/stable/notes/serialization.html), and https://github.com/huggingface/safetensors.
 * @throws McLossError ERR_CHECKPOINT when the file is missing, truncated, foreign or refused, before a tensor is
 * allocated; ERR_ARGUMENT for an option
 */
export async function loadStateDict(
  path: string,
  given: LoadStateDictOptions = {},
): Promise<Record<string, Tensor>> {
  const options = parseOptions(stateDictOptions, given);
  return useStateFile(path, options, async ({ tensors, readAll }) => {
    const names = [...tensors.keys()];
    const read = await readAll(options);
    return Object.fromEntries(read.map((tensor, index) => [names[index] ?? "", tensor]));
  });
}

/**
 * Writes named tensors as safetensors (https://github.com/huggingface/safetensors), contiguous and with their shapes and
 * dtypes, from any device. The file is replaced as a whole: a process killed at any moment leaves the old one or the
 * new one. {@link writeSafetensors} writes what does not fit in memory at once.
 * @throws McLossError ERR_IO naming the path; ERR_ARGUMENT, ERR_DTYPE or ERR_DISPOSED for a tensor
 */
export async function saveStateDict(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  options: SaveStateDictOptions = {},
): Promise<void> {
  const { metadata = {}, signal } = parseOptions(saveOptions, options);
  if (!isRecord(tensors)) throw invalidArgument("tensors", "must be an object of tensors by name");
  await saveTensors(path, Object.entries(tensors), metadata, { signal });
}
