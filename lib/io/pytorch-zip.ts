import { bytesOf } from "../native/dtype.js";
import { unreadable, type CheckpointFile } from "./checkpoint-file.js";
import { unpickle } from "./pickle.js";
import type { PyTorchFile, StoredStorage } from "./pytorch-file.js";
import { dtypeOf, explained, PICKLE_RULES, type PickledTensor } from "./pytorch-pickle.js";
import type { ZipRecord } from "./zip-records.js";

// Names and shapes only: the tensors' elements are in records of their own.
const MAX_PICKLE_BYTES = 32_000_000;

interface Archive {
  file: CheckpointFile;
  /** The folder that all records are in, with its slash. */
  root: string;
  records: ReadonlyMap<string, ZipRecord>;
  bigEndian: boolean;
}

/** A file of PyTorch 1.6 or later: a zip of a pickle and one record per storage. @throws McLossError ERR_CHECKPOINT */
export async function openZipFile(file: CheckpointFile): Promise<PyTorchFile> {
  const archive = await openArchive(file);
  const value = await readPickle(archive);
  return { file, value, locate: (name, view) => locateStorage(archive, name, view) };
}

async function openArchive(file: CheckpointFile): Promise<Archive> {
  const { readZipRecords } = await import("./zip-records.js");
  const records = await readZipRecords(file);
  const pickle = [...records.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickle === undefined) {
    throw unreadable(file.path, "is a zip without data.pkl: give a file that torch.save wrote");
  }
  const root = pickle.slice(0, -"data.pkl".length);
  if (records.has(`${root}constants.pkl`)) {
    const advice = "In Python: torch.save(torch.jit.load(path).state_dict(), another)";
    throw unreadable(
      file.path,
      `is a TorchScript archive, a model with its code and no state dict. ${advice}`,
    );
  }
  const order = findPlain(file, records, `${root}byteorder`);
  const bigEndian = order?.bytes === 3 && (await file.read(order.offset, 3)).toString("latin1") === "big";
  return { file, root, records, bigEndian };
}

function findPlain(
  file: CheckpointFile,
  records: ReadonlyMap<string, ZipRecord>,
  name: string,
): ZipRecord | undefined {
  const record = records.get(name);
  if (record?.plain === false) {
    throw unreadable(file.path, `is refused: its ${name} is compressed or encrypted, as torch.save does not`);
  }
  return record;
}

async function readPickle({ file, root, records }: Archive): Promise<unknown> {
  const { offset = 0, bytes = 0 } = findPlain(file, records, `${root}data.pkl`) ?? {};
  if (bytes > MAX_PICKLE_BYTES) throw unreadable(file.path, `is refused: its data.pkl has ${bytes} bytes`);
  const pickle = await file.read(offset, bytes);
  return explained(file, () => unpickle(pickle, PICKLE_RULES));
}

function locateStorage(archive: Archive, name: string, view: PickledTensor): StoredStorage {
  const { file, root, records, bigEndian } = archive;
  const { key, bytes } = view.storage;
  const dtype = dtypeOf(file, name, view);
  const record = findPlain(file, records, `${root}data/${key}`);
  if (!record) throw unreadable(file.path, `is damaged: the data of its tensor ${name} is missing`);
  const elements = bytes / bytesOf(dtype);
  if (record.bytes !== bytes || !Number.isInteger(elements)) {
    const problem = `is damaged: its tensor ${name} has ${record.bytes} bytes of data, not those of ${elements} ${dtype}`;
    throw unreadable(file.path, problem);
  }
  return { shape: [elements], dtype, offset: record.offset, swapped: bigEndian };
}
