// Starts the system's Chromium and watches what a page does that a report must not do. Downloads no browser.

import { chromium } from 'playwright-core';

import { needProgram } from './program.mjs';

/** The browser: `CHROMIUM`, or where Debian installs it. */
export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A headless Chromium. */
export async function start() {
  await needProgram(CHROMIUM, 'install Chromium (Debian: apt-get install chromium) or set CHROMIUM');
  return chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
}

/**
 * Opens `url` in a context of its own and writes down everything that a report must not cause: console messages,
 * errors, dialogs, further requests and pages, broken content security policy. Nothing moves, so nothing must be
 * waited for.
 */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  const seen = { console: [], errors: [], dialogs: [], requests: [], pages: [], violations: [] };
  context.on('page', (other) => seen.pages.push(other.url()));
  context.on('request', (request) => seen.requests.push(request.url()));
  page.on('console', (message) => seen.console.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => seen.errors.push(String(error)));
  page.on('crash', () => seen.errors.push('the page crashed'));
  page.on('websocket', (socket) => seen.requests.push(socket.url()));
  page.on('dialog', async (dialog) => {
    seen.dialogs.push(dialog.message());
    await dialog.dismiss();
  });
  await context.exposeBinding('afterpatchTestViolation', (_, text) => seen.violations.push(text));
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      globalThis.afterpatchTestViolation(`${event.effectiveDirective} ${event.blockedURI}`);
    });
  });
  await page.goto(url, { waitUntil: 'load' });
  return { page, seen, close: () => context.close() };
}

/** Two frames drawn: whatever the page wanted to do at once, it has begun. */
export function settled(page) {
  return page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true)))));
}

/** Opens or closes everything on the page that can be opened. */
export function setDetails(page, isOpen) {
  return page.evaluate((wanted) => {
    for (const details of document.querySelectorAll('details')) details.open = wanted;
  }, isOpen);
}
