import type { AsyncBuffer, FileMetaData } from "hyparquet";
import { McLossError } from "../../errors.js";
import { RemoteReader } from "../../io/remote-file.js";
import { isRecord } from "../../plain-data.js";
import { reasonOf } from "../../system-error.js";
import { hashContents } from "../content-hash.js";
import { quote } from "../sets/columns.js";
import type { ListedSample, Listing } from "../sets/layout.js";
import type { Report } from "../sets/problems.js";
import { lookThrough } from "./look-through.js";
import { findColumns, type ImageColumns } from "./parquet-columns.js";
import { FetchCache } from "./shard-cache.js";
import { badShard, openShard, type ShardFile } from "./shard-file.js";
import { labelling, partsOfShards, type Labelling } from "./shard-labels.js";
import type { ShardOptions } from "./shard-options.js";
import type { RawLabel } from "./tar-index.js";

/** Rows are read by groups. Hugging Face's have 100 images; others may have all. */
const MOST_GROUP_BYTES = 2 ** 30;

interface ParquetShard {
  file: ShardFile;
  buffer: AsyncBuffer;
  metadata: FileMetaData;
  columns: ImageColumns;
  labels: RawLabel[];
  /** What is other when its images are. */
  content: string;
}

/**
 * Images in the rows of Parquet files, as Hugging Face's data sets have them: a column of images (`{ bytes, path }`, or bytes) and
 * one of labels. Labels and their classes' names are read at once, images by groups of rows when they are needed.
 * @param names paths or addresses, in the order of the samples
 */
export async function listParquet(
  names: readonly string[],
  report: Report,
  { classes, reporter, signal, remote }: ShardOptions & { classes?: readonly string[] | undefined },
): Promise<Listing> {
  const connections = new RemoteReader(remote);
  const read = async (name: string) => readShard(await openShard(name, connections, signal), signal);
  const shards = await lookThrough(names, "reading the labels", read, reporter);
  const labels = shards.flatMap((shard) => shard.labels);
  const known = shards.find(({ columns }) => columns.classes)?.columns.classes;
  return { ...listSamples(shards, labelling(labels, known, classes), report), inOrder: true };
}

function listSamples(
  shards: readonly ParquetShard[],
  { classes, labelOf }: Labelling,
  report: Report,
): Listing {
  const groups = new FetchCache<Uint8Array[]>();
  const parts = partsOfShards(shards.map(({ file }) => file.name));
  const samples: ListedSample[] = [];
  for (const [number, shard] of shards.entries()) {
    const { name } = shard.file;
    const split = parts[number];
    for (const [row, raw] of shard.labels.entries()) {
      const label = labelOf(raw);
      if (label === undefined) {
        const what = raw === null || raw === -1 ? "no label" : `the label ${raw}, which is no class`;
        report({ file: name, problem: `has ${what} in row ${row}` });
        continue;
      }
      samples.push({
        ...{ path: `${name}/${row}`, label, source: () => readImage(shard, row, groups) },
        shard: { number, content: `${shard.content} ${row}` },
        ...(split && { split }),
      });
    }
    if (shard.labels.length === 0) report({ file: name, problem: "has no rows" });
  }
  return { classes, samples };
}

async function readShard(file: ShardFile, signal: AbortSignal | undefined): Promise<ParquetShard> {
  const { parquetMetadataAsync, parquetReadObjects } = await import("hyparquet");
  const { compressors } = await import("hyparquet-compressors");
  const buffer = bufferOf(file, signal);
  return explaining(file, async () => {
    const metadata = await parquetMetadataAsync(buffer);
    const columns = findColumns(file.name, metadata);
    const { label } = columns;
    const rows = await parquetReadObjects({
      ...{ file: buffer, metadata, columns: [label], compressors },
    });
    const labels = rows.map((row) => labelOf(row[label]));
    const content = file.isRemote ? file.version : await hashContents([file.name], signal);
    return { file, buffer, metadata, columns, labels, content };
  });
}

function labelOf(value: unknown): RawLabel {
  if (typeof value === "bigint" || typeof value === "number") return Number(value);
  return typeof value === "string" && value !== "" ? value : null;
}

/** The image of a row. @throws McLossError ERR_DATASET naming the shard; Error where the row has no image */
async function readImage(
  shard: ParquetShard,
  row: number,
  groups: FetchCache<Uint8Array[]>,
): Promise<Uint8Array> {
  const { file, metadata } = shard;
  let start = 0;
  for (const [number, group] of metadata.row_groups.entries()) {
    const end = start + Number(group.num_rows);
    if (row < end) {
      const images = await groups.get(`${file.name}#${number}`, async () => {
        const value = await readGroup(shard, number, start, end);
        return { value, bytes: value.reduce((sum, image) => sum + image.length, 0) };
      });
      const image = images[row - start];
      if (image && image.length > 0) return image;
      throw new Error("the row has no bytes of an image");
    }
    start = end;
  }
  throw badShard(file.name, `has no row ${row}`);
}

async function readGroup(
  { file, buffer, metadata, columns }: ParquetShard,
  number: number,
  rowStart: number,
  rowEnd: number,
): Promise<Uint8Array[]> {
  const { image } = columns;
  const chunks = metadata.row_groups[number]?.columns ?? [];
  const own = chunks.filter(({ meta_data }) => meta_data?.path_in_schema[0] === image);
  const bytes = own.reduce((sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size ?? 0), 0);
  if (bytes > MOST_GROUP_BYTES) {
    const text = `has ${Math.round(bytes / 1e6)} MB of images in one group of rows, which is read as a whole: write it anew with smaller groups (row_group_size=100)`;
    throw badShard(file.name, text);
  }
  const { parquetReadObjects } = await import("hyparquet");
  const { compressors } = await import("hyparquet-compressors");
  return explaining(file, async () => {
    const rows = await parquetReadObjects({
      ...{ file: buffer, metadata, columns: [image], rowStart, rowEnd, utf8: false, compressors },
    });
    return rows.map((row) => bytesOf(row[image]));
  });
}

function bytesOf(value: unknown): Uint8Array {
  const bytes = isRecord(value) && !(value instanceof Uint8Array) ? value["bytes"] : value;
  return bytes instanceof Uint8Array ? bytes : new Uint8Array();
}

function bufferOf(file: ShardFile, signal: AbortSignal | undefined): AsyncBuffer {
  return {
    byteLength: file.size,
    slice: async (start, end = file.size) => {
      const from = start < 0 ? Math.max(0, file.size + start) : start;
      const bytes = await file.read(from, Math.min(file.size, end), signal);
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    },
  };
}

async function explaining<T>(file: ShardFile, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof McLossError) throw cause;
    throw badShard(
      file.name,
      `cannot be read as Parquet (${quote(reasonOf(cause))}): make it or download it again`,
      cause,
    );
  }
}
