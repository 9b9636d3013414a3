import { PUBLISHED_LAYOUTS } from "../data/open-dataset.js";
import { maximum } from "../extremes.js";
import { flatten, textOf } from "../plain-data.js";
import { networkSpec } from "../recipes/network.js";
import { PUBLISHERS, sourceOf, type PublishedAccuracy, type Recipe } from "../recipes/recipe.js";
import { formatTable } from "../table.js";
import { percent } from "./format.js";

/**
 * A line for each recipe, with the accuracies that the paper and others report.
 * @param columns of the terminal: where they do not fit, they are left out
 */
export function formatRecipeList(recipes: readonly Recipe[], columns = Infinity): string {
  const rows = recipes.map((recipe) => {
    const { name, description = "", epochs, published = [] } = recipe;
    const paper = published.filter(({ source }) => source === "paper");
    const cells = [
      paper.filter(({ loss }) => loss === "ce"),
      paper.filter(({ loss }) => loss === "mc"),
      published.filter(({ source, loss }) => source !== "paper" && loss === "mc"),
    ];
    return [name, String(epochs), ...cells.map((cell) => cell.map(accuracyText).join(", ")), description];
  });
  const head = ["recipe", "epochs", "paper: CE", "paper: MC-Loss", "others: MC-Loss", ""];
  const table = formatTable([head, ...rows], [5]);
  if (maximum(table.split("\n").map(({ length }) => length)) > columns) {
    const short = [head, ...rows].map((row) => [row[0] ?? "", row.at(-1) ?? ""]);
    return `${formatTable(short, [1])}\n\nmcloss recipes NAME shows one, with the accuracies that are reported for it.`;
  }
  const notes =
    "Top-1 accuracies; ? was not looked up where it was published. mcloss recipes NAME shows one.";
  return `${table}\n\n${notes}`;
}

/** Every value of a recipe with its source, the channels of the classes, and the reported accuracies. */
export function formatRecipe(recipe: Recipe): string {
  const { name, description, published = [], sources, ...settings } = recipe;
  const values = flatten(settings).flatMap(([path, value]) => valueRows(path, value));
  const rows = values.map(([path, text]) => [path, text, sourceOf(recipe, path) ?? ""]);
  const parts = [
    description === undefined ? name : `${name}: ${description}`,
    formatTable(sources ? [["", "", "source"], ...rows] : rows.map((row) => row.slice(0, 2)), [1, 2]),
    groupText(recipe),
    published.map(publishedText).join("\n"),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

/** Items of a list of objects have rows of their own. */
function valueRows(path: string, value: unknown): [path: string, text: string][] {
  if (Array.isArray(value) && value.every((item) => typeof item === "object")) {
    return value.map((item: unknown, index) => [`${path}[${index}]`, JSON.stringify(item)]);
  }
  return [[path, textOf(value)]];
}

function groupText(recipe: Recipe): string {
  const layout = PUBLISHED_LAYOUTS.find(({ kind }) => kind === recipe.dataset.kind);
  const published = layout?.published?.(recipe.dataset);
  if (!published) return "";
  const { classes } = published;
  const { groups } = networkSpec(recipe, classes);
  const channels = groups.reduce((sum, block) => sum + block.classes * block.channels, 0);
  const blocks = groups.map((block) => `${block.classes} × ${block.channels}`).join(" + ");
  return `channels of the ${classes} classes: ${blocks} = ${channels}`;
}

function accuracyText({ accuracy, verified }: PublishedAccuracy): string {
  return `${percent(accuracy)}${verified ? "" : " ?"}`;
}

function publishedText({ loss, accuracy, source, epoch, note }: PublishedAccuracy): string {
  const of = epoch === undefined ? "" : ` in the ${epoch} epoch`;
  const by = PUBLISHERS[source];
  const text = `top-1 with ${loss === "mc" ? "MC-Loss" : "cross-entropy"}${of}: ${percent(accuracy)}, ${by}`;
  return note === undefined ? text : `${text} (${note})`;
}
