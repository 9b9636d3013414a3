import js from "@eslint/js";
import prettier from "eslint-config-prettier";
import globals from "globals";
import ts from "typescript-eslint";

const SPREAD = "SpreadElement.arguments[argument.type!='ArrayExpression']";
const ON_STACK =
  "Each element becomes an argument on the stack, which some 125,000 overflow: loop, or lib/extremes.";
const SPREAD_ARGUMENT = {
  selector: `:matches(CallExpression, NewExpression) > ${SPREAD}`,
  message: ON_STACK,
};
const RECURSIVE_MKDIR = {
  selector:
    "CallExpression:matches([callee.name=/^mkdir/], [callee.property.name=/^mkdir/]) Property[key.name='recursive']",
  message: "It never ends in /proc, and names another reason on a read-only disk: take lib/make-folder.",
};
const PLACE_OF_CODE = {
  selector: "MetaProperty[meta.name='import']",
  message: "The published package is bundled: lib/package.ts says where its files are.",
};

export default ts.config(
  { ignores: ["build/", "dist/", "data/", "runs/", "bundle/", "docs/api/"] },
  js.configs.recommended,
  {
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector: `CallExpression[callee.property.name=/^(push|unshift|splice|concat|of|max|min|hypot|fromCharCode|fromCodePoint)$/] > ${SPREAD}`,
          message: ON_STACK,
        },
      ],
    },
  },
  {
    files: ["lib/**", "bin/**", "bench/**"],
    rules: { "no-restricted-syntax": ["error", SPREAD_ARGUMENT] },
  },
  {
    files: ["lib/**"],
    ignores: ["lib/package.ts"],
    rules: { "no-restricted-syntax": ["error", SPREAD_ARGUMENT, RECURSIVE_MKDIR, PLACE_OF_CODE] },
  },
  ...ts.configs.strictTypeChecked.map((config) => ({ ...config, files: ["**/*.ts"] })),
  {
    files: ["**/*.ts"],
    languageOptions: {
      parserOptions: {
        project: ["./tsconfig.json", "./lib/report/browser/tsconfig.json", "./test/tsconfig.json"],
      },
    },
    rules: {
      "@typescript-eslint/no-unused-vars": ["error", { ignoreRestSiblings: true }],
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      "@typescript-eslint/no-confusing-void-expression": "off",
      // The API's pages show an interface's members, and an alias's not.
      "@typescript-eslint/no-empty-object-type": ["error", { allowInterfaces: "with-single-extends" }],
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      "@typescript-eslint/no-unused-expressions": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
    },
  },
  { files: ["**/*.js", "**/*.cjs", "**/*.mjs"], languageOptions: { globals: globals.node } },
  prettier,
);
