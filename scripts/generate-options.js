// Writes the tables of options in docs/*.md, each between its markers, from the registries in lib/:
//   <!-- options: lib/optim/optimizers.ts#optimizers -->
//   <!-- end of options -->
// What an option takes and its default are its schema's; what it is says the comment above it. With --check only compares.
import { readdirSync, readFileSync } from "node:fs";
import { optionTexts } from "./options/comments.js";
import { optionTables } from "./options/tables.js";
import { keepWritten } from "./written.js";

const MARKED = /(<!-- options: (\S+)#(\w+) -->\n)[^]*?(<!-- end of options -->)/g;

for (const path of readdirSync("docs").filter((name) => name.endsWith(".md"))) {
  const page = readFileSync(`docs/${path}`, "utf8");
  const wanted = [...page.matchAll(MARKED)].map(([, , source, name]) => ({ source, name }));
  if (wanted.length === 0) continue;
  const texts = optionTexts(wanted);
  const tables = await Promise.all(
    wanted.map(async ({ source, name }, index) => {
      const { [name]: registry } = await import(source.replace(/^lib\/(.*)\.ts$/, "#lib/$1.js"));
      return optionTables(registry, texts[index], `${source}#${name}`);
    }),
  );
  const text = page.replace(MARKED, (_, start, source, name, end) => `${start}\n${tables.shift()}\n\n${end}`);
  await keepWritten(`docs/${path}`, text, "the registries in lib/");
}
