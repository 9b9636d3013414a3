import { Command } from "commander";
import { printJson } from "../format.js";
import { usageError } from "../usage-error.js";

export function recipesCommand(): Command {
  return new Command("recipes")
    .argument("[name]", "a recipe that the list has, or a .json or .yaml file")
    .option("--json", "print JSON: what --recipe takes as a file, where a name is given")
    .addHelpText("after", "\nExamples:\n  mcloss recipes\n  mcloss recipes cub200-resnet50")
    .action(showRecipes);
}

async function showRecipes(
  name: string | undefined,
  flags: { json?: boolean },
  command: Command,
): Promise<void> {
  const { loadRecipe, recipes } = await import("../../recipes/read.js");
  const { formatRecipe, formatRecipeList } = await import("../recipe-text.js");
  if (name === undefined) {
    const all = [...recipes.values()];
    if (flags.json) return printJson(all);
    process.stdout.write(`${formatRecipeList(all, process.stdout.columns)}\n`);
    return;
  }
  const recipe = await loadRecipe(name).catch((error: unknown) => usageError(error, command));
  if (flags.json) return printJson(recipe);
  process.stdout.write(`${formatRecipe(recipe)}\n`);
}
