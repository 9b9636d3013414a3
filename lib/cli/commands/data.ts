import { Command, Option } from "commander";
import type { OpenDatasetOptions } from "../../data/open-dataset.js";
import type { DatasetKind } from "../../data/sets/layout.js";
import { formatReport } from "../data-report.js";
import { formatTable } from "../../table.js";
import { positiveInteger } from "../arguments.js";
import { emptyOption, kindOption, partialOption, trustOption } from "../dataset-options.js";
import { percent, printJson } from "../format.js";
import { addLimitFlags, limitsOf, withoutLimits } from "../limit-flags.js";
import { interruptSignal } from "../interrupt.js";
import { lateProgress, printLine } from "../progress.js";

export function dataCommand(): Command {
  return new Command("data")
    .addHelpText(
      "after",
      "\nExamples:\n  mcloss data verify photos\n  mcloss data prepare CUB_200_2011.tgz --out data",
    )
    .addCommand(verifyCommand())
    .addCommand(prepareCommand())
    .addCommand(suspectsCommand());
}

interface SuspectsFlags {
  page: string;
  csv: string;
  shown: number;
  trustCode?: boolean;
  json?: boolean;
}

function suspectsCommand(): Command {
  return new Command("suspects")
    .description("list the images whose label models doubt that were trained without them")
    .argument("<run>", "the folder of mcloss crossval, or of a run, of which the held-out images are judged")
    .argument("[dir]", "where the images are now (default: where they were)")
    .option("--page <file>", "a page to look at", "suspects.html")
    .option("--csv <file>", "all images by doubt", "suspects.csv")
    .option("--shown <n>", "images on the page", positiveInteger, 200)
    .addOption(trustOption())
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nConfident learning over cross-validated probabilities (Northcutt et al. 2021).\n" +
        "\nExamples:\n  mcloss crossval photos --folds 5 --epochs 30 --monitor loss\n" +
        "  mcloss data suspects runs/crossval photos",
    )
    .action(suspects);
}

const LISTED = 10;

async function suspects(run: string, dir: string | undefined, flags: SuspectsFlags): Promise<void> {
  const { findSuspects } = await import("../../report/find-suspects.js");
  const { json, ...options } = flags;
  const { onProgress, stop } = lateProgress();
  const signal = interruptSignal();
  const found = await findSuspects(run, { ...options, dir, signal, onProgress }).finally(stop);
  if (json) return printJson(found);
  for (const note of found.notes) printLine(`note: ${note}`);
  const rows = found.images
    .slice(0, LISTED)
    .map(({ path, label, suggested, labelProbability, suggestedProbability }) => {
      return [path, label, percent(labelProbability), suggested, percent(suggestedProbability)];
    });
  const table = formatTable([["most doubtful", "label", "", "likelier", ""], ...rows], [1, 3]);
  const text = `${found.suspects} of ${found.images.length} images are suspect; at most ${percent(found.noise)} of the labels are estimated to be wrong`;
  process.stdout.write(`${table}\n\n${text}\npage ${flags.page}\nlist ${flags.csv}\n`);
}

interface VerifyFlags extends Pick<OpenDatasetOptions, "level" | "allowPartial" | "allowEmpty"> {
  kind?: DatasetKind;
  full?: boolean;
  json?: boolean;
}

function verifyCommand(): Command {
  const command = new Command("verify")
    .description("say what is found, missing, corrupt or there twice in a data set")
    .argument("<dir>", "the data set's folder, a manifest (.csv, .jsonl), or shards (.tar, .parquet)")
    .addOption(kindOption())
    .addOption(
      new Option("--level <level>", "the classes of FGVC-Aircraft")
        .choices(["variant", "family", "manufacturer"])
        .default("variant"),
    )
    .option("--full", "decode every image to its last pixel, not its header alone")
    .addOption(partialOption())
    .addOption(emptyOption());
  return addLimitFlags(command)
    .option("--json", "print the report as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  mcloss data verify data/CUB_200_2011 --kind cub200 --full\n  mcloss data verify photos --json",
    )
    .action(verify);
}

async function verify(dir: string, flags: VerifyFlags): Promise<void> {
  const { verifyDataset } = await import("../../data/verify/verify-dataset.js");
  const { json, ...options } = withoutLimits(flags);
  const { onProgress, stop } = lateProgress();
  const signal = interruptSignal();
  const report = await verifyDataset(dir, { ...options, ...limitsOf(flags), signal, onProgress }).finally(
    stop,
  );
  if (json) printJson(report);
  else process.stdout.write(`${formatReport(report)}\n`);
  if (!report.ok) process.exitCode = 1;
}

interface PrepareFlags {
  out: string;
  kind?: DatasetKind;
  anyChecksum?: boolean;
  allowPartial?: boolean;
  json?: boolean;
}

function prepareCommand(): Command {
  return new Command("prepare")
    .description("unpack a data set that was downloaded, and check it")
    .argument("<archives...>", "all its archives (.tgz, .tar, .tar.bz2, .tar.xz, .zip) and .mat files")
    .option("--out <dir>", "the folder that the data set's folder is put into", "data")
    .addOption(kindOption())
    .option("--any-checksum", "take a file that has a published one's name and other content")
    .addOption(partialOption())
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  mcloss data prepare CUB_200_2011.tgz\n" +
        "  mcloss data prepare 102flowers.tgz imagelabels.mat setid.mat --out data\n" +
        "  mcloss data prepare cars_train.tgz cars_test.tgz car_devkit.tgz cars_test_annos_withlabels.mat",
    )
    .action(prepare);
}

async function prepare(archives: string[], flags: PrepareFlags): Promise<void> {
  const { prepareDataset } = await import("../../data/prepare-dataset.js");
  const { verifyDataset } = await import("../../data/verify/verify-dataset.js");
  const { json, allowPartial = false, ...options } = flags;
  const { onProgress, stop } = lateProgress();
  const signal = interruptSignal();
  const prepared = await prepareDataset(archives, { ...options, signal, onProgress }).finally(stop);
  if (!json) {
    for (const { path, sha256, published } of prepared.archives) {
      printLine(`${sha256}  ${path}${published === true ? "  (as published)" : ""}`);
    }
  }
  const { kind, root } = prepared;
  const report = await verifyDataset(root, { kind, allowPartial, signal, onProgress }).finally(stop);
  if (json) printJson({ ...prepared, report });
  else process.stdout.write(`${formatReport(report)}\n`);
  if (!report.ok) process.exitCode = 1;
}
