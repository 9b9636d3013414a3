import type { FileMetaData, SchemaElement } from "hyparquet";
import { isRecord } from "../../plain-data.js";
import { badShard } from "./shard-file.js";

/** Which columns of a Parquet file hold images and labels. */
export interface ImageColumns {
  image: string;
  label: string;
  /** The classes' names, where the file tells them. */
  classes?: readonly string[];
}

const IMAGE_NAMES = ["image", "img", "images", "picture", "photo"];
const LABEL_NAMES = ["label", "labels", "fine_label", "class", "class_name", "cls", "target"];

/**
 * By what Hugging Face's `datasets` writes into the file of its features, or else by their names and types.
 * @throws McLossError ERR_DATASET naming the file and the columns that it has
 */
export function findColumns(name: string, metadata: FileMetaData): ImageColumns {
  const top = topLevel(metadata.schema);
  const features = featuresOf(metadata);
  const ofType = (type: string) =>
    top
      .map((column) => column.name)
      .filter((column) => isRecord(features[column]) && features[column]["_type"] === type);
  const image =
    choose(ofType("Image"), IMAGE_NAMES) ?? choose(top.filter(holdsBytes).map(nameOf), IMAGE_NAMES);
  if (image === undefined) throw lacks(name, "images", IMAGE_NAMES, top);
  const others = top.map(nameOf).filter((column) => column !== image);
  const label =
    choose(ofType("ClassLabel"), LABEL_NAMES) ?? LABEL_NAMES.find((each) => others.includes(each));
  if (label === undefined) throw lacks(name, "labels", LABEL_NAMES, top);
  const feature = features[label];
  const names = isRecord(feature) ? feature["names"] : undefined;
  const classes = Array.isArray(names) && names.every((each) => typeof each === "string") ? names : undefined;
  return { image, label, ...(classes && { classes }) };
}

/** The one, or of several the one with the most usual name. */
function choose(columns: readonly string[], usual: readonly string[]): string | undefined {
  return usual.find((name) => columns.includes(name)) ?? columns[0];
}

/** The columns; a struct's fields follow it in the schema. */
function topLevel(schema: readonly SchemaElement[]): SchemaElement[] {
  const columns: SchemaElement[] = [];
  const pass = (at: number): number => {
    let next = at + 1;
    for (let child = 0; child < (schema[at]?.num_children ?? 0); child += 1) next = pass(next);
    return next;
  };
  for (let at = 1; at < schema.length; at = pass(at)) {
    const column = schema[at];
    if (column) columns.push(column);
  }
  return columns;
}

function nameOf({ name }: SchemaElement): string {
  return name;
}

/** Bytes that are no text, or a struct. */
function holdsBytes({ type, num_children, converted_type }: SchemaElement): boolean {
  return (type === "BYTE_ARRAY" && converted_type !== "UTF8") || (num_children ?? 0) > 0;
}

function featuresOf({ key_value_metadata = [] }: FileMetaData): Readonly<Record<string, unknown>> {
  const text = key_value_metadata.find(({ key }) => key === "huggingface")?.value;
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    const info = isRecord(value) ? value["info"] : undefined;
    const features = isRecord(info) ? info["features"] : undefined;
    return isRecord(features) ? features : {};
  } catch {
    return {};
  }
}

function lacks(name: string, what: string, usual: readonly string[], columns: readonly SchemaElement[]) {
  const own = columns.map(nameOf).join(", ");
  return badShard(
    name,
    `has no column of ${what}: it has ${own}. Name one ${usual.slice(0, 2).join(" or ")}, or write it with datasets' to_parquet`,
  );
}
