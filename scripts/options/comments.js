import ts from "typescript";

/**
 * The comments above the options of each registry, as { definition: { option: text } }; "" is for the options that all of
 * its definitions have.
 */
export function optionTexts(registries) {
  const { options, fileNames } = ts.parseJsonConfigFileContent(
    ts.readConfigFile("tsconfig.json", ts.sys.readFile).config,
    ts.sys,
    ".",
  );
  const sources = registries.map(({ source }) => fileNames.find((path) => path.endsWith(source)) ?? source);
  const program = ts.createProgram(sources, { ...options, noEmit: true });
  const checker = program.getTypeChecker();
  return registries.map(({ name }, index) => {
    const file = program.getSourceFile(sources[index]);
    const exported = file && checker.getExportsOfModule(checker.getSymbolAtLocation(file));
    const symbol = exported?.find((each) => each.name === name);
    if (!symbol) throw new Error(`${sources[index]} exports no ${name}`);
    const registry = checker.getTypeOfSymbol(resolved(symbol, checker));
    const definitions = checker.getTypeArguments(member(registry, "definitions", checker))[0];
    const each = definitions.isUnion() ? definitions.types : [definitions];
    return Object.fromEntries([
      ["", comments(member(registry, "common", checker), checker)],
      ...each.map((definition) => [
        member(definition, "name", checker).value,
        comments(member(definition, "options", checker), checker),
      ]),
    ]);
  });
}

function resolved(symbol, checker) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

function member(type, name, checker) {
  return checker.getTypeOfSymbol(checker.getPropertyOfType(type, name));
}

function comments(type, checker) {
  return Object.fromEntries(
    checker.getPropertiesOfType(type).map((symbol) => {
      const text = ts.displayPartsToString(symbol.getDocumentationComment(checker));
      return [symbol.name, text.replaceAll(/\s+/g, " ")];
    }),
  );
}
