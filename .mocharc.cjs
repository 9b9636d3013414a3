// CONTRIBUTING.md has what a second try is for.
const retries = Number(process.env.MCLOSS_TEST_RETRIES ?? 0);

module.exports = {
  "node-option": ["import=tsx/esm", "expose-gc"],
  // It finds what hangs, not what a busy machine is slow at.
  timeout: 240_000,
  retries,
  reporter: "test/support/reporter.cjs",
};
