import { Command, Option } from "commander";
import type { WeightsName } from "../../models/official-weights.js";
import { printJson } from "../format.js";
import { interruptSignal } from "../interrupt.js";
import { consoleReporter } from "../setup-reporter.js";

interface WeightsFlags {
  name: WeightsName;
  fromFile?: string;
  json?: boolean;
}

export function weightsCommand(): Command {
  return new Command("weights")
    .argument("[network]", "as --model takes it")
    .addOption(
      new Option("--name <name>", "which of its weights")
        .choices(["imagenet", "imagenet-v2"])
        .default("imagenet"),
    )
    .option("--from-file <file>", "take them from this file, brought here by hand, rather than download them")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nThe files are torchvision's, from download.pytorch.org or, with MCLOSS_WEIGHTS_URL, from a mirror of it.\n" +
        "\nExamples:\n  mcloss weights\n  mcloss weights mobilenet_v2\n" +
        "  mcloss weights mobilenet_v2 --from-file mobilenet_v2-b0353104.pth",
    )
    .action(weights);
}

async function weights(network: string | undefined, flags: WeightsFlags): Promise<void> {
  const { fetchWeights, findWeightsFile } = await import("../../models/fetch-weights.js");
  const { networks } = await import("../../models/networks.js");
  const { buildSpec } = await import("../../models/networks/definition.js");
  if (network !== undefined) {
    const { name, fromFile } = flags;
    const spec = buildSpec(networks.get(network), { classes: IMAGENET_CLASSES });
    const path = await fetchWeights(spec, {
      name,
      fromFile,
      reporter: consoleReporter(),
      signal: interruptSignal(),
    });
    if (flags.json) return printJson({ network, name, path });
    process.stdout.write(`${path}\n`);
    return;
  }
  const { officialWeights, WEIGHTS_NAMES } = await import("../../models/official-weights.js");
  const { formatTable } = await import("../../table.js");
  const all = networks.names.flatMap((each) => {
    const spec = buildSpec(networks.get(each), { classes: IMAGENET_CLASSES });
    return WEIGHTS_NAMES.flatMap((name) => {
      const found = officialWeights(spec, name);
      if (!found) return [];
      const { file, size, resize, crop, documentation } = found;
      return [
        {
          network: each,
          name,
          file,
          size,
          resize,
          crop,
          documentation,
          path: findWeightsFile(found, process.env),
        },
      ];
    });
  });
  if (flags.json) return printJson(all);
  const rows = all.map(({ network: of, name, file, size, crop, path }) => [
    ...[of, name, file, `${size.toFixed(1)} MiB`, `${crop} × ${crop}`, path ?? "not here"],
  ]);
  process.stdout.write(
    `${formatTable([["network", "weights", "file", "size", "images", "where"], ...rows])}\n`,
  );
}

const IMAGENET_CLASSES = 1000;
