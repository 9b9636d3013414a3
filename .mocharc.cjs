// CONTRIBUTING.md has what a second try is for.
const retries = Number(process.env.MCLOSS_TEST_RETRIES ?? 0);

module.exports = {
  "node-option": ["import=tsx/esm", "expose-gc"],
  timeout: 20000,
  retries,
  reporter: "test/support/reporter.cjs",
};
