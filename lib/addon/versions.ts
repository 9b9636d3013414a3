/** Which LibTorch this package is built against. There is no binary compatibility between LibTorch's minors. */

/** Supported: from `least` to below `below`, as [major, minor]. */
export const SUPPORTED = { least: [2, 11], below: [2, 16] } as const;

/** The minors that this package has been built with and tested on; others may need a change here before they work. */
export const TESTED: readonly string[] = ["2.13", "2.14"];

/** The release that is downloaded where none is found. */
export const PINNED = {
  version: "2.13.0",
  /** PyTorch's index of CPU wheels. */
  wheelIndex: "https://download.pytorch.org/whl/cpu",
  wheel: {
    url: "https://download.pytorch.org/whl/cpu/torch-2.13.0%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl",
    file: "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl",
    sha256: "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",
  },
} as const;

export const SUPPORTED_TEXT = `${SUPPORTED.least.join(".")} to ${SUPPORTED.below[0]}.${SUPPORTED.below[1] - 1}`;

/** Whether a version such as "2.13.0+cpu" is one that this package builds against. */
export function isSupported(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  const number = 1000 * major + minor;
  const [least, below] = [SUPPORTED.least, SUPPORTED.below].map(([a, b]) => 1000 * a + b);
  return number >= (least ?? 0) && number < (below ?? 0);
}

/** "2.13.0" of "2.13.0+cpu". */
export function baseVersion(version: string): string {
  return version.split("+")[0] ?? version;
}

/** What there is to say of a version that this package has not been tested with. */
export function untested(version: string): string | undefined {
  const minor = minorVersion(version);
  return TESTED.includes(minor) ? undefined : `${minor}: not tested here, as ${TESTED.join(" and ")} are`;
}

/** "2.13" of "2.13.0+cpu": LibTorch is binary compatible within it. */
export function minorVersion(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}
