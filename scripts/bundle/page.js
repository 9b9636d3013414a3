// results/page.html: what the report says, on one page without scripts or further files.

function escape(text) {
  return String(text).replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

function table(head, rows) {
  const row = (cells, tag) => `<tr>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join("")}</tr>`;
  return `<table>${row(head, "th")}${rows.map((cells) => row(cells, "td")).join("")}</table>`;
}

/** Whatever a benchmark's rows have, one column for each key. */
function rowsTable(rows) {
  const flat = rows.map((row) => Object.fromEntries(flatten(row)));
  const keys = [...new Set(flat.flatMap(Object.keys))];
  return table(
    keys,
    flat.map((row) => keys.map((key) => shown(row[key]))),
  );
}

function flatten(value, path = "") {
  if (Array.isArray(value)) return [[path, value.join(" × ")]];
  if (value === null || typeof value !== "object") return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) => flatten(inner, path ? `${path} ${key}` : key));
}

function shown(value) {
  if (typeof value !== "number") return value ?? "";
  return Number.isInteger(value) ? value : value.toPrecision(4);
}

function outcome({ code }) {
  return code === 0 ? "done" : `FAILED with code ${code}`;
}

function testsPart({ tests }) {
  if (!tests) return "<p>No tests were run.</p>";
  const { stats, failures = [], skipped = [] } = tests;
  if (!stats) return `<p>The tests ended early.</p><pre>${escape(tests.crashed)}</pre>`;
  const counts = `${stats.passes} passed, ${stats.failures} failed, ${skipped.length} skipped in ${tests.seconds} s`;
  const list = failures.map(({ fullTitle, err }) => [fullTitle, err?.message ?? ""]);
  return `<p>${counts}</p>${list.length > 0 ? table(["failed", ""], list) : ""}`;
}

function benchPart(bench) {
  const title = `<h2>${escape(bench.name)} on ${escape(bench.device)}: ${outcome(bench)} in ${bench.seconds} s</h2>`;
  if (bench.code !== 0) return `${title}<pre>${escape(bench.output)}</pre>`;
  const rows = Object.values(bench).find(Array.isArray) ?? [];
  return title + rowsTable(rows);
}

export function makePage(report) {
  const {
    package: version,
    passed,
    cuda = {},
    versions = {},
    missing = [],
    smallest = [],
    bench = [],
  } = report;
  const gpu = cuda.available ? (versions.devices ?? []).join("; ") : "no GPU was used";
  const checks = smallest.map((check) => [
    check.device,
    check.tool ?? "beside float64",
    outcome(check),
    check.seconds,
  ]);
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>mutual-channel-loss ${escape(version)}</title>
<style>body{font:15px system-ui;margin:2em;max-width:75em}table{border-collapse:collapse;margin:1em 0}
td,th{padding:.2em .7em;border-bottom:1px solid #ccc;text-align:left}pre{overflow:auto;background:#f4f4f4;padding:1em}</style>
<h1>mutual-channel-loss ${escape(version)}: ${passed ? "passed" : "NOT passed"}</h1>
<p>${escape(gpu)}</p>
${missing.length > 0 ? `<ul>${missing.map((item) => `<li>${escape(item)}</li>`).join("")}</ul>` : ""}
${rowsTable([{ ...versions, torch: versions.torch?.version }])}
<h2>Tests</h2>
${testsPart(report)}
<h2>The smallest shapes through every kernel</h2>
${table(["device", "", "", "s"], checks)}
${bench.map(benchPart).join("\n")}
</html>
`;
}
