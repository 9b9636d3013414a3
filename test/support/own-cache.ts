/** Within a describe(), the cache is a folder of the tests' own. */
export function ownCache(folder: () => string): void {
  const usual = process.env["MCLOSS_CACHE"];
  before(() => {
    process.env["MCLOSS_CACHE"] = folder();
  });
  after(() => {
    if (usual === undefined) delete process.env["MCLOSS_CACHE"];
    else process.env["MCLOSS_CACHE"] = usual;
  });
}
