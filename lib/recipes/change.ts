import { checkRecord } from "../check-argument.js";
import { recordJson } from "../record-json.js";
import { leaves, merge, type Patch } from "./patch.js";
import type { Recipe, Source } from "./recipe.js";
import { checkRecipe } from "./schema.js";

/**
 * A recipe with other values. Objects are merged key by key, `null` removes a key, and anything else replaces what was
 * there (RFC 7396); an object with another `type`, or network `name`, replaces the whole. Where the recipe tells its
 * sources, what changed is marked "user".
 * @throws McLossError ERR_ARGUMENT that names the path of the bad key, or a part of the patch that is no plain data
 */
export function changeRecipe(recipe: Recipe, patch: Patch): Recipe {
  checkRecord("recipe", recipe, "a recipe");
  checkRecord("patch", patch, "an object with the keys of a recipe");
  recordJson(patch, "patch");
  const changed = merge(recipe, patch) as Record<string, unknown>;
  if (!recipe.sources) return checkRecipe(changed);
  const given = (patch["sources"] ?? {}) as Record<string, Source>;
  return checkRecipe({ ...changed, sources: { ...markChanges(recipe.sources, patch), ...given } });
}

function markChanges(sources: Readonly<Record<string, Source>>, patch: Patch): Record<string, Source> {
  const changed = leaves(patch).filter((path) => !NOT_SETTINGS.test(path));
  const isUnder = (path: string, change: string) =>
    path.startsWith(change) && /^($|[.[])/.test(path.slice(change.length));
  const kept = Object.entries(sources).filter(([path]) => !changed.some((change) => isUnder(path, change)));
  return { ...Object.fromEntries(kept), ...Object.fromEntries(changed.map((path) => [path, "user"])) };
}

/** What a recipe says of itself. */
export const NOT_SETTINGS = /^(name|description|sources|published)\b/;
