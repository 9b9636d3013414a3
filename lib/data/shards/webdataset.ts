import { RemoteReader } from "../../io/remote-file.js";
import { PassedOver } from "../passed-over.js";
import type { ListedSample, Listing } from "../sets/layout.js";
import type { Report } from "../sets/problems.js";
import { rememberIndex } from "./index-cache.js";
import { lookThrough } from "./look-through.js";
import { ShardReader } from "./shard-cache.js";
import { openShard, type ShardFile } from "./shard-file.js";
import { labelling, partsOfShards, readClassList, type Labelling } from "./shard-labels.js";
import type { ShardOptions } from "./shard-options.js";
import { indexTar, type TarIndex } from "./tar-index.js";

interface Shard {
  file: ShardFile;
  index: TarIndex;
}

/**
 * Images in tars (WebDataset). The first look at a shard reads all of it; what is in it is kept in the user's cache. An image is
 * read when it is needed, by its place in the tar.
 * @param names paths or addresses, in the order of the samples
 * @param options.classes where a model decides them. Default: `classes.txt` beside the first shard, or what the labels are
 */
export async function listWebDataset(
  names: readonly string[],
  report: Report,
  { classes, reporter, signal, remote }: ShardOptions & { classes?: readonly string[] | undefined },
): Promise<Listing> {
  const connections = new RemoteReader(remote);
  const look = async (name: string): Promise<Shard> => {
    const file = await openShard(name, connections, signal);
    return { file, index: await rememberIndex(file, () => indexTar(file, signal)) };
  };
  const shards = await lookThrough(names, "looking through the shards", look, reporter);
  const labels = shards.flatMap(({ index }) => index.images.map(([, , , , label]) => label));
  const hasNumbers = labels.some((label) => typeof label === "number");
  const [first = ""] = names;
  const known = hasNumbers ? await readClassList(first, connections, signal) : undefined;
  return {
    ...listSamples(shards, labelling(labels, known, classes), report),
    inOrder: shards.some(({ file }) => file.isRemote),
  };
}

function listSamples(shards: readonly Shard[], { classes, labelOf }: Labelling, report: Report): Listing {
  const reader = new ShardReader();
  const passedOver = new PassedOver();
  const parts = partsOfShards(shards.map(({ file }) => file.name));
  const samples: ListedSample[] = [];
  for (const [number, { file, index }] of shards.entries()) {
    const { name } = file;
    const split = parts[number];
    for (const path of index.others) passedOver.add(path);
    for (const path of index.repeated) report({ file: name, problem: `has ${path} twice: remove one` });
    for (const [path, start, size, crc, raw] of index.images) {
      const label = labelOf(raw);
      if (label === undefined) {
        const problem = raw === null ? NO_LABEL : `of the class ${raw}, which is none of ${classes.length}`;
        report({ file: name, problem: `has ${path} ${problem}` });
        continue;
      }
      const source = () => reader.read(file, start, start + size);
      samples.push({
        ...{ path: `${name}/${path}`, label, source },
        shard: { number, content: `${size} ${crc}` },
        ...(split && { split }),
      });
    }
    if (index.images.length === 0) report({ file: name, problem: "has no images" });
  }
  return { classes, samples, notes: passedOver.notes(), passedOver: passedOver.counts() };
}

const NO_LABEL =
  "without a label: put its class into a .cls or .json of the same name, or the image into a folder of the class's name";
