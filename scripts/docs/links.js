import { ReflectionKind } from "typedoc";

/** A plugin of typedoc that resolves {@link Name} and {@link Name.member} to what any subpath exports. */
export function load(app) {
  app.converter.addUnknownSymbolResolver((reference, reflection) => {
    const [first, ...rest] = (reference.symbolReference?.path ?? []).map(({ path }) => path);
    const exported = reflection.project
      .getReflectionsByKind(ReflectionKind.SomeExport)
      .find(({ name, parent }) => name === first && parent?.kindOf(ReflectionKind.Module));
    const target = rest.length > 0 ? exported?.getChildByName(rest) : exported;
    return target && { target };
  });
}
