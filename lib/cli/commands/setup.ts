import { Command, Option } from "commander";
import { printJson } from "../format.js";
import { interruptSignal } from "../interrupt.js";
import { consoleReporter } from "../setup-reporter.js";

interface SetupFlags {
  buildSystem?: "cmake" | "gyp";
  cuda?: boolean;
  fromFile?: string;
  force?: boolean;
  verbose?: boolean;
  json?: boolean;
}

export function setupCommand(): Command {
  return new Command("setup")
    .addOption(new Option("--build-system <name>", "what builds it").choices(["cmake", "gyp"]))
    .option("--cuda", "build the CUDA kernels too (default: where a LibTorch for CUDA and nvcc are found)")
    .option("--no-cuda", "build for the CPU only")
    .option(
      "--from-file <wheel-or-zip>",
      "take LibTorch from a wheel of PyTorch, or from an archive of LibTorch",
    )
    .option("--force", "build even if nothing changed, or a prebuilt addon would do")
    .option("--verbose", "show the compiler's output")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  mcloss setup\n  mcloss setup --cuda\n  mcloss setup --from-file torch.whl\n  LIBTORCH=/opt/libtorch mcloss setup --build-system gyp",
    )
    .action(async ({ json, ...flags }: SetupFlags) => {
      const { setup } = await import("../../setup/setup.js");
      const result = await setup({ ...flags, reporter: consoleReporter(), signal: interruptSignal() });
      if (json) printJson(result);
    });
}
