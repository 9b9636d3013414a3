// The layers of lib/, bottom up: a folder imports only from those before it. CONTRIBUTING.md says what each holds.
export const LAYERS = [
  ...[
    "addon",
    "native",
    "tensor",
    "io",
    "loss",
    "image",
    "data",
    "loader",
    "models",
    "optim",
    "run",
    "distributed",
    "train",
  ],
  ...[
    "predict",
    "pictures",
    "visualize",
    "export",
    "recipes",
    "trackers",
    "compare",
    "report",
    "setup",
    "cli",
    "api",
  ],
];

const anyOf = (names) => `^lib/(${names.join("|")})/`;

const upward = LAYERS.slice(0, -1).map((layer, index) => ({
  name: `${layer}-imports-down`,
  comment: `lib/${layer} knows only the layers before it. Move what both need down, or what needs both up.`,
  severity: "error",
  from: { path: anyOf([layer]) },
  to: { path: anyOf(LAYERS.slice(index + 1)) },
}));

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    ...upward,
    {
      name: "layers-are-listed",
      comment: "A folder of lib/ has its place in the list of layers.",
      severity: "error",
      from: {},
      to: { path: "^lib/[^/]+/", pathNot: anyOf(LAYERS) },
    },
    {
      name: "base-knows-no-layer",
      comment: "The files beside the layers are what all of them use.",
      severity: "error",
      from: { path: "^lib/[^/]+[.]ts$", pathNot: "^lib/index[.]c?ts$" },
      to: { path: "^lib/[^/]+/" },
    },
    {
      name: "no-import-of-the-door",
      comment: "lib/index.ts and lib/api are for users of the package; inside, name the file that has it.",
      severity: "error",
      from: { pathNot: "^lib/(index[.]c?ts$|api/)" },
      to: { path: "^lib/(index[.]c?ts$|api/)" },
    },
    {
      name: "no-circle",
      comment:
        "Files that need each other are one file, or a third one is missing. Types alone may point back.",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "sharp-in-image-alone",
      comment: "libvips is loaded by lib/image, when the first image is.",
      severity: "error",
      from: { path: "^lib/", pathNot: "^lib/image/" },
      to: { path: "node_modules/sharp/", dependencyTypesNot: ["type-only"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^lib/report/browser/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types"] },
  },
};
