// Draws the pictures of docs/loss.md: node scripts/docs/loss-pictures.js [FOLDER]. Features are made up; all else is computed.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { ChannelGroups, mcLoss, tensor } from "mutual-channel-loss";
import { Canvas, FAINT } from "#lib/pictures/canvas.js";
import { renderHeatMap } from "#lib/pictures/heat-map.js";

const [folder = fileURLToPath(new URL("../../docs/images", import.meta.url))] = process.argv.slice(2);
const SIDE = 14;
const CELL = 112;
const STEP = CELL + 12;
const LEFT = 150;
const TOP = 64;
const ROW = CELL + 44;
const MASKED = 0.35;

const FACE = `<svg width="224" height="224"><rect width="224" height="224" fill="#fff"/>
  <circle cx="112" cy="112" r="100" fill="#ffcc4d"/><circle cx="72" cy="88" r="16" fill="#664500"/>
  <path d="M132 92 q20 -26 40 0" stroke="#664500" stroke-width="10" fill="none"/>
  <path d="M62 140 q50 60 100 0 z" fill="#664500"/></svg>`;
const EYE = { x: 4.5, y: 5.5, strength: 8 };
const WINK = { x: 9.5, y: 5.3, strength: 8 };
const MOUTH = { x: 7, y: 9.8, strength: 8 };
const weak = (place) => ({ ...place, strength: 2 });

const image = await readFace();
await drawDiscriminality("loss-discriminality.png");
await drawDiversity("loss-diversity.png");

/** L_dis of one image: its class's three channels and another's, with one of each masked. */
async function drawDiscriminality(name) {
  const classes = [
    { label: "“winking”", places: [EYE, WINK, MOUTH] },
    { label: "“crying”", places: [weak(EYE), weak(MOUTH), weak(WINK)] },
  ];
  const maps = classes.flatMap(({ places }) => places.map(activations));
  const mask = [1, 0, 1, 1, 1, 0];
  const x = tensor(Float32Array.from(maps.flat()), { shape: [1, 6, SIDE, SIDE] });
  const kept = x.mul(tensor(Float32Array.from(mask)).reshape([1, 6, 1, 1]));
  const highest = kept.reshape([2, 3, SIDE * SIDE]).amax(1);
  const scores = highest.mean(1);
  const probabilities = await scores.softmax(0).data();
  const loss = lossOf(x, { mask: tensor(Float32Array.from(mask)) }).discriminality;

  const canvas = new Canvas();
  heading(canvas, 0, "the class's channels, one masked (CWA)", 3);
  heading(canvas, 3, "max (CCMP)");
  heading(canvas, 4, "mean g (GAP), softmax", 1.6);
  for (const [k, { label }] of classes.entries()) {
    const top = TOP + k * ROW;
    rowLabel(canvas, label, k === 0 ? "the image's class" : "another class", top);
    for (let j = 0; j < 3; j += 1) {
      const index = 3 * k + j;
      const cell = await heat(maps[index], 8);
      canvas.image(mask[index] === 1 ? cell : fade(cell), LEFT + j * STEP, top);
      const said = mask[index] === 1 ? `channel ${index}` : `channel ${index}: masked`;
      canvas.text(said, LEFT + j * STEP + CELL / 2, top + CELL + 16, { color: FAINT });
    }
    canvas.image(await heat(await highest.select(0, k).data(), 8), LEFT + 3 * STEP, top);
    const g = scores.select(0, k).item();
    const text = [`g = ${g.toFixed(2)}`, `p = ${probabilities[k].toFixed(2)}`];
    text.forEach((line, i) => {
      canvas.text(line, LEFT + 4 * STEP + 8, top + CELL / 2 + 20 * i, { size: 14, anchor: "start" });
    });
  }
  const expected = -Math.log(probabilities[0]);
  equal(loss, expected);
  canvas.text(`L_dis = −log p = ${loss.toFixed(2)}`, LEFT, TOP + 2 * ROW + 10, {
    size: 14,
    anchor: "start",
    bold: true,
  });
  await write(name, await canvas.png(LEFT + 5 * STEP + 100, TOP + 2 * ROW + 30));
}

/** L_div of a class's three channels that look at one place, and at three. */
async function drawDiversity(name) {
  const cases = [
    { label: "one place", places: [WINK, WINK, WINK] },
    { label: "three places", places: [EYE, WINK, MOUTH] },
  ];
  const canvas = new Canvas();
  heading(canvas, 0, "softmax over the places of each channel", 3);
  heading(canvas, 3, "max over channels");
  heading(canvas, 4, "sum h, and L_div", 1.6);
  for (const [row, { label, places }] of cases.entries()) {
    const top = TOP + row * ROW;
    const x = tensor(Float32Array.from(places.flatMap(activations)), { shape: [1, 3, SIDE, SIDE] });
    const shares = x.reshape([3, SIDE * SIDE]).softmax(1);
    const highest = shares.amax(0);
    const strongest = highest.amax().item();
    rowLabel(canvas, label, "ξ = 3 channels", top);
    for (let j = 0; j < 3; j += 1) {
      canvas.image(await heat(await shares.select(0, j).data(), strongest), LEFT + j * STEP, top);
    }
    canvas.image(await heat(await highest.data(), strongest), LEFT + 3 * STEP, top);
    const h = highest.sum().item();
    const { diversity } = lossOf(x, { groups: ChannelGroups.uniform(1, 3) });
    equal(diversity, 1 - h / 3);
    [`h = ${h.toFixed(2)} of 3`, `L_div = 1 − h/ξ`, `= ${diversity.toFixed(2)}`].forEach((line, i) => {
      canvas.text(line, LEFT + 4 * STEP + 8, top + CELL / 2 - 10 + 20 * i, { size: 14, anchor: "start" });
    });
  }
  await write(name, await canvas.png(LEFT + 5 * STEP + 100, TOP + 2 * ROW));
}

function lossOf(x, options) {
  const groups = ChannelGroups.uniform(2, 3);
  const labels = tensor(Int32Array.of(0), { dtype: "int64" });
  const { discriminality, diversity } = mcLoss(x, labels, { groups, ...options });
  return { discriminality: discriminality.item(), diversity: diversity.item() };
}

function activations({ x, y, strength }) {
  return Array.from({ length: SIDE * SIDE }, (_, place) => {
    const distance = (place % SIDE) + 0.5 - x;
    const below = Math.floor(place / SIDE) + 0.5 - y;
    return strength * Math.exp(-(distance ** 2 + below ** 2) / 3);
  });
}

function heading(canvas, column, text, columns = 1) {
  canvas.text(text, LEFT + column * STEP + (columns * STEP - 12) / 2, TOP - 24, { size: 14 });
}

function rowLabel(canvas, label, below, top) {
  canvas.text(label, LEFT - 16, top + CELL / 2, { size: 14, anchor: "end", bold: true });
  canvas.text(below, LEFT - 16, top + CELL / 2 + 18, { anchor: "end", color: FAINT });
}

function heat(data, strongest) {
  return renderHeatMap({ data, height: SIDE, width: SIDE }, image, strongest, CELL);
}

function fade({ data, width, height }) {
  return { data: data.map((value) => Math.round(255 - MASKED * (255 - value))), width, height };
}

async function readFace() {
  const { data, info } = await sharp(Buffer.from(FACE))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

function equal(measured, expected) {
  if (Math.abs(measured - expected) > 1e-4) throw new Error(`${measured} is not ${expected}`);
}

function write(name, png) {
  return writeFile(join(folder, name), png);
}
