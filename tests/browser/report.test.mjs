// Opens report.html in a real browser: what it must show, what it must let everybody do, what it must never do.
//
// The reports are made here, by the program, from its own demo evidence and from a tree whose logs were written by
// somebody who wants to take over the page. A missing program, browser or pdftotext is a failure, never a skip.
//
// Sources: WCAG 2.2 (A and AA), Content Security Policy Level 3.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { open, setDetails, settled, start } from './chromium.mjs';
import { attempts, cell, spelt, writeHostile } from './hostile.mjs';
import { assess, demo, needProgram, PROGRAM, run, workFolder } from './program.mjs';

/** What each report is made from, what it must say on top, and the status its assessment ends with. */
const REPORTS = {
  'compromised-before-patch': { headline: 'Compromised', status: 1 },
  'quiet-uncovered': { headline: 'Cannot tell', status: 4 },
  'active-after-patch': { headline: 'Compromised, and still in use', status: 1 },
  hostile: { headline: 'Compromised', status: 1 },
};
const NAMES = Object.keys(REPORTS);
/** 320 px is what WCAG 2.2, 1.4.10 asks for: a window of 1280 px at 400 %. */
const WIDTHS = [320, 360, 768, 1280];
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const NEVER_SAID = /\b(clean|safe|guaranteed)\b/gi;
const PDF_BYTES_MIN = 10_000;
/** Presses of Tab until a finding must have been reached. */
const TABS_MAX = 400;

const reports = {};
const asked = [];
let browser, folder, listener, listenerUrl, prepared;

// Before each test and not once before all, so that whatever is missing fails every test and cancels none.
beforeEach(() => (prepared ??= prepare()));

async function prepare() {
  await needProgram(PROGRAM, 'run `cargo build --release -p afterpatch` or set AFTERPATCH');
  browser = await start();
  folder = await workFolder();
  // Hostile evidence names an address that really listens: a request that the browser hides from its own events
  // still arrives here.
  listener = createServer((request, response) => {
    asked.push(request.url);
    response.end();
  });
  await new Promise((done) => listener.listen(0, '127.0.0.1', done));
  listenerUrl = `http://127.0.0.1:${listener.address().port}`;
  for (const name of NAMES) {
    const tree = name === 'hostile' ? await writeHostile(folder.path, listenerUrl) : await demo(folder.path, name);
    reports[name] = await assess(folder.path, name, tree);
  }
}

after(async () => {
  await browser?.close();
  listener?.close();
  await folder?.remove();
});

/** Opens a report, does something with it, closes it whatever happens. */
async function on(name, work, options) {
  const opened = await open(browser, reports[name].url, options);
  try {
    return await work(opened.page, opened.seen);
  } finally {
    await opened.close();
  }
}

/** Text that a person sees, with everything opened. */
async function allText(page) {
  await setDetails(page, true);
  return page.evaluate(() => document.body.innerText);
}

const NOTHING = { console: [], errors: [], dialogs: [], pages: [], violations: [] };

for (const name of NAMES) {
  const { headline, status } = REPORTS[name];

  describe(name, () => {
    test('the assessment ends with its status, and the page says the verdict', async () => {
      assert.equal(reports[name].status, status);
      await on(name, async (page) => {
        assert.equal(await page.locator('h1').innerText(), headline);
        assert.ok((await page.title()).startsWith(`${headline} `), await page.title());
        assert.ok(await page.locator('h1').isVisible());
      });
    });

    test('loads nothing, runs nothing, complains about nothing', async () => {
      await on(name, async (page, seen) => {
        await setDetails(page, true);
        await settled(page);
        const { requests, ...rest } = seen;
        assert.deepEqual(rest, NOTHING);
        assert.deepEqual(requests, [reports[name].url]);
        assert.equal(await page.evaluate(() => performance.getEntriesByType('resource').length), 0);
      });
      assert.deepEqual(asked, []);
    });

    test('has a policy that forbids everything but its one style sheet', async () => {
      await on(name, async (page) => {
        const policies = page.locator('head > meta[http-equiv="Content-Security-Policy" i]');
        assert.equal(await policies.count(), 1);
        const policy = await policies.getAttribute('content');
        for (const wanted of [/default-src 'none'/, /style-src 'sha256-[^']+'/, /base-uri 'none'/, /form-action 'none'/]) {
          assert.match(policy, wanted);
        }
        assert.doesNotMatch(policy, /unsafe|script-src|https?:|\*/);
        // It holds only for what stands after it: nothing but the character set may come before.
        const before = await policies.evaluate((meta) => {
          const earlier = [];
          for (let other = meta.previousElementSibling; other; other = other.previousElementSibling) {
            earlier.push(other.outerHTML);
          }
          return earlier;
        });
        assert.deepEqual(before, ['<meta charset="utf-8">']);
        // The style sheet is let through: without it no colour of ours would be there.
        assert.notEqual(await page.evaluate(() => getComputedStyle(document.body).getPropertyValue('--page')), '');
      });
    });

    test('holds no element and no attribute that could act or load', async () => {
      await on(name, async (page) => assert.deepEqual(await page.evaluate(acting), []));
    });

    test('has one h1, and each part of the page is a landmark once', async () => {
      await on(name, async (page) => {
        assert.equal(await page.locator('h1').count(), 1);
        for (const role of ['banner', 'main', 'contentinfo']) {
          assert.equal(await page.getByRole(role).count(), 1, role);
        }
        assert.equal(await page.getByRole('navigation', { name: 'On this page' }).count(), 1);
        assert.equal(await page.locator('html').getAttribute('lang'), 'en');
      });
    });

    for (const colorScheme of ['light', 'dark']) {
      test(`axe finds nothing in the ${colorScheme} theme`, async () => {
        await on(name, (page) => accessible(page, colorScheme), { bypassCSP: true, colorScheme });
      });
    }

    for (const width of WIDTHS) {
      test(`nothing is wider than ${width} px`, async () => {
        await on(
          name,
          async (page) => {
            for (const isOpen of [false, true]) {
              await setDetails(page, isOpen);
              const state = isOpen ? 'everything open' : 'everything closed';
              assert.deepEqual(await page.evaluate(tooWide), [], state);
            }
          },
          { viewport: { width, height: 800 } },
        );
      });
    }

    test('the keyboard is enough', async () => {
      await on(name, keyboardOnly);
    });

    test('every link arrives where it says', async () => {
      await on(name, async (page, seen) => {
        const targets = await page.evaluate(() =>
          [...document.querySelectorAll('a[href]')].map((a) => a.getAttribute('href')),
        );
        assert.ok(targets.length > 5);
        for (const target of new Set(targets)) {
          assert.match(target, /^#[A-Za-z0-9-]+$/);
          assert.equal(await page.locator(target).count(), 1, target);
        }
        assert.deepEqual(seen.pages, []);
      });
    });

    for (const width of [360, 1280]) {
      test(`an answer leads to its finding and opens it at ${width} px`, async () => {
        await on(name, (page) => followFinding(page, reports[name].assessment), { viewport: { width, height: 800 } });
      });
    }

    test('is whole without JavaScript', async () => {
      await on(
        name,
        async (page) => {
          assert.ok(await page.getByRole('heading', { level: 1, name: headline, exact: true }).isVisible());
          assert.ok(await page.getByRole('heading', { name: 'Limits', exact: true }).isVisible());
          await followFinding(page, reports[name].assessment);
        },
        { javaScriptEnabled: false },
      );
    });

    test('prints with its verdict, its questions and what the verdict rests on', async () => {
      await on(name, (page) => prints(page, name));
    });
  });
}

describe('words', () => {
  test('a quiet report promises nothing', async () => {
    await on('quiet-uncovered', async (page) => {
      const text = `${await page.title()}\n${await allText(page)}`;
      assert.match(text, /not an all-clear/i);
      assert.deepEqual(text.match(NEVER_SAID), null);
    });
  });
});

describe('hostile evidence', () => {
  test('stands on the page as text, letter for letter', async () => {
    await on('hostile', async (page) => {
      await setDetails(page, true);
      const records = await page.evaluate(() =>
        [...document.querySelectorAll('pre')].map((pre) => pre.textContent).join('\n'),
      );
      for (const text of attempts(listenerUrl)) {
        const inRecord = spelt(cell(text)).replace(/^"|"$/g, '');
        assert.ok(records.includes(inRecord), `not shown: ${inRecord.slice(0, 80)}`);
      }
      assert.doesNotMatch(await allText(page), /[\u0000-\u0008\u000b-\u001f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/);
    });
  });

  test('does nothing when somebody reads, points and presses', async () => {
    await on('hostile', async (page, seen) => {
      await setDetails(page, true);
      for (const record of (await page.locator('pre').all()).slice(0, 20)) await record.hover();
      for (let press = 0; press < 60; press += 1) await page.keyboard.press('Tab');
      await settled(page);
      const { requests, ...rest } = seen;
      assert.deepEqual(rest, NOTHING);
      assert.deepEqual(requests, [reports.hostile.url]);
    });
    assert.deepEqual(asked, []);
  });
});

describe('these tests can fail', () => {
  /** A report with something put into its body, with or without its policy. */
  async function spoilt(name, markup, withPolicy) {
    const whole = await readFile(reports['quiet-uncovered'].path, 'utf8');
    const kept = withPolicy ? whole : whole.replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, '');
    assert.equal(kept === whole, withPolicy);
    const path = join(folder.path, `${name}.html`);
    await writeFile(path, kept.replace('<main ', `${markup}<main `));
    return open(browser, pathToFileURL(path).href);
  }

  test('what acts and loads is seen', async () => {
    const markup = `<img src="${listenerUrl}/canary" onerror="alert('canary')"><script>console.log('canary'); throw new Error('canary')</script>`;
    const { page, seen, close } = await spoilt('acting', markup, false);
    await page.waitForLoadState('networkidle');
    assert.deepEqual(asked.splice(0), ['/canary']);
    assert.deepEqual(seen.requests.slice(1), [`${listenerUrl}/canary`]);
    assert.deepEqual(seen.dialogs, ['canary']);
    assert.match(seen.console.join(), /canary/);
    assert.match(seen.errors.join(), /canary/);
    assert.deepEqual(await page.evaluate(acting), ['<img>', '<img src>', '<img onerror>', '<script>']);
    await close();
  });

  test('a broken policy is seen, and it holds', async () => {
    const markup = `<img src="${listenerUrl}/canary"><p style="color:red">canary</p><script>alert('canary')</script>`;
    const { page, seen, close } = await spoilt('breaking', markup, true);
    await settled(page);
    assert.deepEqual(asked, []);
    assert.deepEqual(seen.dialogs, []);
    const broken = seen.violations.map((violation) => violation.split(' ')[0]).sort();
    assert.deepEqual(broken, ['img-src', 'script-src-elem', 'style-src-attr']);
    await close();
  });

  test('what is too wide is seen', async () => {
    const { page, close } = await spoilt('wide', '<p class="canary"><code>canary</code></p>', true);
    await page.evaluate(() => {
      document.querySelector('.canary').style.cssText = 'width: 5000px';
    });
    assert.match((await page.evaluate(tooWide)).join(), /the page is 5\d{3} px.*p\.canary/);
    await close();
  });

  test('what some cannot read is seen', async () => {
    const { page, close } = await spoilt('unreadable', '<p class="canary">canary</p><img alt>', false);
    await page.evaluate(() => {
      document.querySelector('.canary').style.cssText = 'color: #aaa; background: #fff';
    });
    await assert.rejects(accessible(page, 'light'), /color-contrast/);
    await close();
  });
});

/** Runs in the page: names of elements and attributes that a page without behaviour has no use for. */
function acting() {
  const elements =
    'script, iframe, frame, img, picture, video, audio, source, track, object, embed, applet, link, base, form, input, ' +
    'button, select, textarea, template, portal, math, foreignObject, use, image, animate, set, noscript, ' +
    'meta[http-equiv="refresh" i], style ~ style, body style';
  const found = [];
  for (const element of document.querySelectorAll('*')) {
    const name = element.localName;
    if (element.matches(elements)) found.push(`<${name}>`);
    for (const { name: attribute, value } of element.attributes) {
      const link = attribute === 'href' || attribute === 'xlink:href';
      const acts =
        attribute.startsWith('on') ||
        ['src', 'srcset', 'srcdoc', 'style', 'action', 'formaction', 'ping', 'target', 'autofocus'].includes(attribute) ||
        (link && !(name === 'a' && value.startsWith('#'))) ||
        (attribute !== 'href' && element.namespaceURI.endsWith('/svg') && /url\((?!["']?#)/i.test(value));
      if (acts) found.push(`<${name} ${attribute}>`);
    }
  }
  return found;
}

/**
 * Runs in the page: what reaches past the sides of the window, other than inside something that scrolls by itself, and
 * what is cut off by the box around it.
 */
function tooWide() {
  const width = document.documentElement.clientWidth;
  const found = [];
  if (document.documentElement.scrollWidth > width) {
    found.push(`the page is ${document.documentElement.scrollWidth} px`);
  }
  const isIn = (element, ways) => {
    for (let box = element.parentElement; box && box !== document.body; box = box.parentElement) {
      if (ways.includes(getComputedStyle(box).overflowX)) return true;
    }
    return false;
  };
  // For screen readers alone: hidden by intent.
  for (const element of document.body.querySelectorAll('*:not(.skip, .unseen, .unseen *)')) {
    const name = `${element.localName}.${element.getAttribute('class')}`;
    const box = element.getBoundingClientRect();
    const outside = box.width > 0 && (box.left < -0.5 || box.right > width + 0.5);
    if (outside && !isIn(element, ['auto', 'scroll'])) found.push(`${name} from ${box.left} to ${box.right}`);
    const cuts = ['hidden', 'clip'].includes(getComputedStyle(element).overflowX) && element.localName !== 'svg';
    if (cuts && element.scrollWidth > element.clientWidth + 1) found.push(`${name} cuts off what is in it`);
  }
  return found;
}

/** No violation of WCAG, closed and open; and the rules that matter most did run. */
async function accessible(page, colorScheme) {
  const script = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
  await page.addScriptTag({ path: script });
  for (const isOpen of [false, true]) {
    await setDetails(page, isOpen);
    const { violations, passes } = await page.evaluate(async (tags) => {
      // The size of targets is in WCAG 2.2 but not on by default.
      const rules = { 'target-size': { enabled: true } };
      const result = await globalThis.axe.run({ runOnly: { type: 'tag', values: tags }, rules });
      const brief = ({ id, nodes }) => `${id}: ${nodes.length} × ${nodes[0]?.target} ${nodes[0]?.failureSummary ?? ''}`;
      return { violations: result.violations.map(brief), passes: result.passes.map(({ id }) => id) };
    }, WCAG);
    assert.deepEqual(violations, [], isOpen ? 'everything open' : 'everything closed');
    for (const rule of ['color-contrast', 'document-title', 'html-has-lang', 'link-name', 'target-size']) {
      assert.ok(passes.includes(rule), `${rule} did not run`);
    }
  }
}

/** From the top of the page with Tab and Enter alone: skip the contents, then open a finding or whatever opens. */
async function keyboardOnly(page) {
  await page.keyboard.press('Tab');
  assert.deepEqual(await focused(page), { name: 'a', text: 'Skip to the content', inView: true, outlined: true });
  await page.keyboard.press('Enter');
  assert.equal(new URL(page.url()).hash, '#main');
  let presses = 0;
  do {
    await page.keyboard.press('Tab');
    presses += 1;
    assert.ok(presses <= TABS_MAX, `no summary after ${presses} presses`);
  } while ((await focused(page)).name !== 'summary');
  const { inView, outlined } = await focused(page);
  assert.ok(inView && outlined, `in view: ${inView}, outlined: ${outlined}`);
  const isOpen = () => page.evaluate(() => document.activeElement.parentElement.open);
  assert.equal(await isOpen(), false);
  await page.keyboard.press('Enter');
  assert.equal(await isOpen(), true);
  await page.keyboard.press('Enter');
  assert.equal(await isOpen(), false);
}

/** What has the focus, whether it can be seen, and whether it can be seen that it has it. */
function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    const box = element.getBoundingClientRect();
    const inView = box.width > 0 && box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth;
    const style = getComputedStyle(element);
    const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    const text = element.localName === 'a' ? element.innerText : '';
    return { name: element.localName, text, inView, outlined };
  });
}

/** Follows the first link from an answer to a finding. A report without findings has no such link, and says so. */
async function followFinding(page, assessment) {
  const links = page.locator('.questions a[href^="#f"]');
  if (!assessment.servers.some(({ answers }) => Object.values(answers).some(({ because }) => because.length > 0))) {
    assert.equal(await links.count(), 0);
    return;
  }
  const target = await links.first().getAttribute('href');
  const body = page.locator(target);
  assert.equal(await body.isVisible(), false);
  await links.first().click();
  await body.waitFor({ state: 'visible' });
  const summary = page.locator(`details:has(${target}) > summary`);
  const finding = assessment.findings.find(({ id }) => `#${id}` === target);
  assert.ok((await summary.innerText()).includes(finding.title));
  // Whoever arrives must see where: the title of the finding, and the beginning of what it says.
  const { height } = page.viewportSize();
  const [title, text] = [await summary.boundingBox(), await body.boundingBox()];
  assert.ok(title.y >= 0, `the title of ${target} begins at ${title.y} px, above the window`);
  assert.ok(text.y < height, `what ${target} says begins at ${text.y} px, below the window of ${height} px`);
}

/** A4, and the paper says what the screen says. */
async function prints(page, name) {
  const pdf = await page.pdf({ format: 'A4', printBackground: true, preferCSSPageSize: true });
  assert.ok(pdf.length > PDF_BYTES_MIN, `${pdf.length} bytes`);
  const path = join(folder.path, `${name}.pdf`);
  await writeFile(path, pdf);
  const { status, stdout, stderr } = await run('pdftotext', ['-layout', path, '-']);
  assert.equal(status, 0, stderr);
  const text = stdout.replace(/\s+/g, ' ');
  for (const wanted of [REPORTS[name].headline, 'Eleven questions', 'Limits', 'What would change it']) {
    assert.ok(text.includes(wanted), `not printed: ${wanted}`);
  }
  // What an answer rests on is printed opened, down to the record.
  const { servers, findings } = reports[name].assessment;
  const cited = servers.flatMap(({ answers }) => Object.values(answers).flatMap(({ because }) => because));
  const printed = stdout.replace(/\s+/g, '');
  for (const { id, evidence } of findings.filter(({ id }) => cited.includes(id)).slice(0, 5)) {
    const record = `record${evidence[0].record.toLocaleString('en')},offset${evidence[0].offset.toLocaleString('en')}`;
    assert.ok(printed.includes(record), `not printed of ${id}: ${record}`);
  }
}
