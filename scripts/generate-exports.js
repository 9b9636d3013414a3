// Writes every public name of each subpath to test/api/exports.json; with --check only compares.
import { readFileSync } from "node:fs";
import ts from "typescript";
import { keepWritten } from "./written.js";

/** The entry files in dist, by the subpath that package.json gives them. */
function entryFiles() {
  const { exports } = JSON.parse(readFileSync("package.json", "utf8"));
  return Object.fromEntries(
    Object.entries(exports).flatMap(([subpath, { import: entry }]) =>
      entry ? [[subpath, entry.types]] : [],
    ),
  );
}

/** The names of values and of types, sorted, by subpath. */
function listExports() {
  const files = entryFiles();
  const options = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    skipLibCheck: true,
    types: ["node"],
  };
  const program = ts.createProgram(Object.values(files), options);
  const checker = program.getTypeChecker();
  return Object.fromEntries(
    Object.entries(files).map(([subpath, file]) => {
      const names = checker
        .getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)))
        .map((symbol) => [symbol.name, isValue(symbol, checker)])
        .sort(([a], [b]) => (a < b ? -1 : 1));
      const where = (wanted) => names.filter(([, value]) => value === wanted).map(([name]) => name);
      return [subpath, { values: where(true), types: where(false) }];
    }),
  );
}

function isValue(symbol, checker) {
  const aliased = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const typeOnly = symbol.declarations.some(
    (node) => ts.isExportSpecifier(node) && (node.isTypeOnly || node.parent.parent.isTypeOnly),
  );
  return !typeOnly && (aliased.flags & ts.SymbolFlags.Value) !== 0;
}

await keepWritten("test/api/exports.json", JSON.stringify(listExports()), "the subpaths in lib/api");
