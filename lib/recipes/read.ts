import { checkPlace } from "../check-argument.js";
import { basename, extname } from "node:path";
import { invalidArgument, McLossError } from "../errors.js";
import { readWhole } from "../io/open-file.js";
import { suggestNear } from "../near.js";
import { isRecord } from "../plain-data.js";
import { reasonOf } from "../system-error.js";
import { changeRecipe } from "./change.js";
import { DEFAULT_RECIPE } from "./default-recipe.js";
import { PAPER_RECIPES } from "./paper.js";
import type { Recipe } from "./recipe.js";

/** Of recipe files. */
const FORMAT = 1;
/** The largest recipes here have 5 kB; YAML's parser takes half a minute for 2 MB of keys. */
const MOST_BYTES = 2 ** 16;
const MOST_DEPTH = 20;
/** Of a message: a parser's may have the whole text in it. */
const MOST_LETTERS = 1000;

/** The default recipe and those of the paper, by name. */
export const recipes: ReadonlyMap<string, Recipe> = new Map(
  [DEFAULT_RECIPE, ...PAPER_RECIPES].map((recipe) => [recipe.name, recipe]),
);

/**
 * A built-in recipe by name, or one from a `.json`, `.yaml` or `.yml` file, as {@link parseRecipe} reads it.
 * @throws McLossError ERR_ARGUMENT for a name that there is not, ERR_IO for a file that cannot be read, or ERR_ARGUMENT
 * with the file's path for what is wrong in it
 */
export async function loadRecipe(nameOrFile: string): Promise<Recipe> {
  checkPlace("nameOrFile", nameOrFile);
  const extension = extname(nameOrFile);
  const parseText = PARSERS[extension];
  if (!parseText) return builtIn(nameOrFile, "recipe");
  const bytes = await readWhole(nameOrFile, { mostBytes: MOST_BYTES }).catch((cause: unknown) => {
    const message = `cannot read the recipe ${nameOrFile}: ${reasonOf(cause)}`;
    throw new McLossError("ERR_IO", message, { path: nameOrFile, cause });
  });
  try {
    const value = await parseText(bytes.toString());
    if (!isShallow(value, MOST_DEPTH))
      throw invalidArgument("recipe", `must have at most ${MOST_DEPTH} levels`);
    return parseRecipe(value, basename(nameOrFile, extension));
  } catch (cause) {
    const { argument, message } = cause as McLossError;
    throw new McLossError("ERR_ARGUMENT", `${nameOrFile}: ${message.slice(0, MOST_LETTERS)}`, {
      path: nameOrFile,
      cause,
      argument,
    });
  }
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((inner) => isShallow(inner, depth - 1));
}

const PARSERS: Readonly<Record<string, (text: string) => unknown>> = {
  ".json": (text) => JSON.parse(text) as unknown,
  ".yaml": parseYaml,
  ".yml": parseYaml,
};

/** Loads the parser only here: its 70 files take longer to read than a recipe. */
async function parseYaml(text: string): Promise<unknown> {
  const { parse } = await import("yaml");
  return parse(text, { logLevel: "error" }) as unknown;
}

/**
 * Plain data as a recipe. What it leaves out is as in the recipe that its key `extends` names, or else as in the default
 * one; objects are merged key by key, and `null` removes a key.
 * @param name where the data has none
 * @throws McLossError ERR_ARGUMENT that names the path of the bad key, such as `optimizer.learningRate`
 */
export function parseRecipe(value: unknown, name = "own"): Recipe {
  if (!isRecord(value)) throw invalidArgument("recipe", "must be an object with the keys of a recipe");
  const { extends: base = DEFAULT_RECIPE.name, format = FORMAT, ...patch } = value;
  if (format !== FORMAT) throw invalidArgument("format", `must be ${FORMAT}; a newer version wrote the file`);
  if (typeof base !== "string") throw invalidArgument("extends", "must be the name of a built-in recipe");
  return changeRecipe(builtIn(base, "extends"), { name, ...patch });
}

function builtIn(name: string, argument: string): Recipe {
  const recipe = recipes.get(name);
  if (recipe) return recipe;
  const near = suggestNear(name, [...recipes.keys()]);
  const text = `there is no recipe "${name}"${near}. The name of a file ends in .json, .yaml or .yml`;
  throw new McLossError("ERR_ARGUMENT", text, { argument });
}
