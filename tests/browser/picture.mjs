// Makes the picture of the README: `node picture.mjs OUT.png`.
//
// Two pieces of the report of the demo, one above the other and as they are: the top of the page down to the first
// steps, and the time at risk. A line of dashes stands where the page between them was left out.

import { stat } from 'node:fs/promises';
import { argv, exit } from 'node:process';

import { open, start } from './chromium.mjs';
import { assess, demo, needProgram, PROGRAM, workFolder } from './program.mjs';

const WIDTH = 1280;
/** Ground shown around a piece: above its heading, and where the page was cut. */
const MARGIN = 28;
const TEAR = 12;
const BYTES_MAX = 300_000;

const [out, ...rest] = argv.slice(2);
if (!out || rest.length > 0) {
  console.error('usage: node picture.mjs OUT.png');
  exit(2);
}

await needProgram(PROGRAM, 'run `cargo build --release -p afterpatch` or set AFTERPATCH');
const browser = await start();
const folder = await workFolder();
try {
  const name = 'compromised-before-patch';
  const report = await assess(folder.path, name, await demo(folder.path, name));
  await join(await pieces(report.url), out);
} finally {
  await browser.close();
  await folder.remove();
}
const { size } = await stat(out);
if (size > BYTES_MAX) {
  console.error(`error: \`${out}\` has ${size} bytes, more than ${BYTES_MAX}`);
  exit(1);
}
console.log(`${out}: ${size} bytes`);

/** The two pieces as PNG. */
async function pieces(url) {
  const { page, close } = await open(browser, url, { viewport: { width: WIDTH, height: 1000 }, colorScheme: 'light' });
  const steps = await page.locator('.first').boundingBox();
  const risk = await page.locator('#window-0').boundingBox();
  const band = await page.locator('#window-0 .band').boundingBox();
  const cut = (top, bottom) =>
    page.screenshot({ fullPage: true, clip: { x: 0, y: top, width: WIDTH, height: Math.ceil(bottom - top) } });
  const found = [
    await cut(0, steps.y + steps.height + TEAR),
    await cut(risk.y - MARGIN, band.y + band.height + TEAR),
  ];
  await close();
  return found;
}

/** Writes the pieces one above the other. */
async function join(images, path) {
  const page = await browser.newPage({ viewport: { width: WIDTH, height: 1000 } });
  const tags = images.map((image) => `<img alt src="data:image/png;base64,${image.toString('base64')}">`);
  await page.setContent(`<style>
    body { margin: 0 } img { display: block } img + img { border-top: 3px dashed #8b9098 }
  </style>${tags.join('')}`);
  await page.screenshot({ path, fullPage: true });
}
