// Drives a page of scangap's in Chromium: node drive.mjs CHECK PAGE [MORE]. Fails by throwing; prints what a caller may want.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import puppeteer from 'puppeteer-core';

const [check, file, more] = process.argv.slice(2);
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM,
  // Whatever a page would ask for, no name is found.
  args: ['--no-sandbox', '--disable-gpu', '--host-resolver-rules=MAP * ~NOTFOUND'],
});

// A page that was opened, with everything that it asked for and complained of.
const open = async (hash = '', { script = true, ready = script, scheme = 'light', width = 1440 } = {}) => {
  const page = await browser.newPage();
  page.asked = [];
  page.said = [];
  page.on('request', (request) => page.asked.push(request.url()));
  page.on('pageerror', (error) => page.said.push(String(error)));
  page.on('console', (message) => page.said.push(message.text()));
  page.on('dialog', (dialog) => { page.said.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  await page.setJavaScriptEnabled(script);
  await page.setViewport({ width, height: 1000 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.goto(`file://${file}${hash}`);
  if (ready) await page.waitForSelector('html.ready');
  return page;
};
const texts = (page, selector) => page.$$eval(selector, (found) => found.map((element) => element.textContent.trim()));
const column = (page, number) => texts(page, `#body tr[data-place] > :nth-child(${number})`);
const result = (page) => page.$eval('#result', (element) => element.textContent);
const focused = (page) => page.evaluate(() => document.activeElement.dataset.place ?? document.activeElement.id);
const tick = (page, name) => page.evaluate((name) => { [...document.querySelectorAll('#facets label')].find((label) => label.querySelector('.what').textContent === name).querySelector('input').click(); }, name);
const sorted = (values) => [...values].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));

const checks = {
  async sort() {
    const page = await open();
    const repositories = () => column(page, 5);
    assert.equal((await column(page, 1))[0], 'blocked', 'the worst stands first');
    await page.click('#heads [data-column=repository] button');
    assert.deepEqual(await repositories(), sorted(await repositories()));
    assert.equal(await page.$eval('#heads [data-column=repository]', (head) => head.ariaSort), 'ascending');
    assert.equal(await page.$$eval('#heads [aria-sort]', (heads) => heads.length), 1);
    await page.click('#heads [data-column=repository] button');
    assert.deepEqual(await repositories(), sorted(await repositories()).reverse());
    assert.equal(await page.$eval('#heads [data-column=repository]', (head) => head.ariaSort), 'descending');
  },

  async search() {
    const page = await open();
    const all = (await column(page, 5)).length;
    await page.type('#search', 'OfficeOnly');
    await page.waitForFunction(() => document.querySelector('#result').textContent.startsWith('1 of'));
    assert.deepEqual(await column(page, 5), ['journey/1-blocked']);
    assert.equal(await result(page), `1 of ${all} repositories`);
    await page.click('#clear');
    assert.equal((await column(page, 5)).length, all);
    assert.equal(await page.$eval('#search', (input) => input.value), '');
    const search = async (query) => {
      await page.$eval('#search', (input, query) => { input.value = query; input.dispatchEvent(new Event('input')); }, query);
      await new Promise((done) => { setTimeout(done, 50); });
      return column(page, 5);
    };
    // Every word has to match, in whichever column; quotes keep words together.
    assert.deepEqual(await search('officeonly 333333333333 journey'), ['journey/1-blocked']);
    assert.deepEqual(await search('"policy: officeonly" eu-west-1'), ['journey/1-blocked']);
    assert.deepEqual(await search('"officeonly eu-west-1"'), []);
    // A prefix looks into one place.
    assert.deepEqual(await search('is:blocked cause:C-d192008280'), ['journey/1-blocked']);
    const atRisk = await search('is:at_risk');
    assert.ok(atRisk.length > 0);
    assert.deepEqual(await search('is:at-risk'), atRisk);
    assert.deepEqual(await search('is:"at risk"'), atRisk);
    assert.ok((await search('region:us-east-1')).length > 0);
    assert.ok((await column(page, 4)).every((region) => region === 'us-east-1'));
    assert.ok((await search('account:333333333333 is:action')).length > 1);
    assert.ok((await column(page, 3)).every((account) => account === '333333333333'));
    const units = (await search('ou:workloads')).length;
    assert.ok(units > 0 && units < all, `${units} of ${all}`);
    assert.deepEqual(await search('ou:officeonly'), [], 'a prefix looks nowhere else');
    assert.equal((await search('ou:')).length, all, 'a prefix waits for its word');
    assert.deepEqual(await search('stale journey'), ['journey/3-repaired-and-still-denied']);
    assert.deepEqual(await search('ou:officeonly'), []);
    // Nothing found says so, and how to go on.
    assert.equal(await page.$eval('#nothing', (part) => getComputedStyle(part).display !== 'none'), true);
    await page.click('#clear-nothing');
    assert.equal((await column(page, 5)).length, all);
    assert.equal(await page.$eval('#nothing', (part) => getComputedStyle(part).display), 'none');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'search');
    // What one looks for first is there without choosing columns.
    const heads = await texts(page, '#heads th');
    for (const title of ['OU', 'Responsible statements', 'Next step']) assert.ok(heads.includes(title), heads.join());
  },

  async facets() {
    const page = await open();
    await tick(page, 'covered');
    const covered = await column(page, 1);
    assert.ok(covered.length > 1 && covered.every((word) => word === 'covered' || word === 'covered, 37 of 40 images'), covered.join());
    await tick(page, 'stale');
    assert.equal((await column(page, 1)).length, covered.length + 1, 'values of one facet are alternatives');
    await tick(page, 'us-east-1');
    const regions = await column(page, 4);
    assert.ok(regions.length > 0 && regions.every((region) => region === 'us-east-1'), 'facets are conditions together');
    // What another value of a facet would add is counted as if that facet were open.
    const counts = await page.$$eval('#facets details:first-of-type li', (items) => Object.fromEntries(items.map((item) => [item.querySelector('.what').textContent, item.querySelector('.many').textContent])));
    assert.equal(counts.stale, '0');
    await page.click('#needs-action');
    assert.ok((await column(page, 1)).every((word) => !['covered', 'empty'].includes(word)));
  },

  async map() {
    const page = await open();
    // One screen, one tab stop, arrow keys from square to square, each with its words.
    const boxes = await page.$eval('#squares', (map) => ({ height: map.getBoundingClientRect().height, stops: map.querySelectorAll('[tabindex="0"]').length, all: map.querySelectorAll('.square').length }));
    assert.ok(boxes.height < 900 && boxes.stops === 1 && boxes.all > 5, JSON.stringify(boxes));
    const fields = await page.$$eval('.heat td[class]:not([class=""])', (cells) => cells.length);
    assert.equal(boxes.all, fields, 'a square for each field that says something');
    const label = () => page.evaluate(() => document.activeElement.getAttribute('aria-label'));
    await page.focus('#squares [tabindex="0"]');
    const first = await label();
    assert.match(first, /^.+ \(\d{12}\), .+: .+/);
    await page.keyboard.press('ArrowRight');
    assert.notEqual(await label(), first);
    assert.equal(await page.$eval('#square', (told) => told.textContent), await label());
    await page.keyboard.press('Home');
    assert.equal(await label(), first);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    assert.equal(await label(), first);
    assert.equal(await page.$$eval('#squares [tabindex="0"]', (stops) => stops.length), 1);
    // The worst OU stands first, and in it the worst account.
    const tones = await page.$$eval('#squares [role=row]:nth-child(2) .square', (squares) => squares.map((one) => one.className));
    assert.ok(tones.some((tone) => tone.endsWith('bad')), tones.join());
    await page.$eval('#squares .square[data-to="account_id=333333333333&region=us-east-1"]', (square) => square.click());
    await page.waitForFunction(() => document.querySelector('#result').textContent.includes(' of '));
    assert.deepEqual(new Set(await column(page, 3)), new Set(['333333333333']));
    assert.deepEqual(new Set(await column(page, 4)), new Set(['us-east-1']));
    await page.$eval('.figures [data-diagnosis=stale] a', (link) => link.click());
    await page.waitForFunction(() => document.querySelectorAll('#body tr[data-place]').length === 1);
    assert.deepEqual(await column(page, 1), ['stale']);
  },

  async address() {
    const page = await open();
    await tick(page, 'eu-west-1');
    await page.click('#heads [data-column=repository] button');
    await page.type('#search', 'journey');
    await page.waitForFunction(() => document.querySelector('#result').textContent.startsWith('3 of'));
    await page.locator('#body tr[data-place="1"]').click();
    const hash = await page.evaluate(() => location.hash);
    const again = await open(hash);
    assert.equal(await result(again), await result(page));
    assert.deepEqual(await column(again, 5), await column(page, 5));
    assert.equal(await again.$eval('#panel-title', (title) => title.textContent), 'journey/2-repaired-and-pushed-again');
    assert.equal(await again.$eval('#panel', (panel) => panel.open), true);
    // Any address may come from anybody.
    const hostile = await open('#?q=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E&sort=constructor&columns=__proto__,region&diagnosis=nonsense&open=x');
    assert.equal((await hostile.$$('img')).length, 0);
    assert.deepEqual(hostile.said, []);
    assert.ok((await result(hostile)).startsWith('0 of'));
  },

  async panel() {
    const page = await open();
    await page.locator('#body tr[data-place="0"]').click();
    const body = await page.$eval('#panel-body', (body) => body.innerText);
    for (const part of ['the policy denies Inspector', '"Sid": "OfficeOnly"', 'ArnNotEquals', 'aws ecr set-repository-policy --registry-id 333333333333', 'Repository ARN']) assert.ok(body.includes(part), part);
    assert.ok((await texts(page, '#panel-body mark')).some((line) => line.includes('OfficeOnly')));
    assert.ok((await texts(page, '#panel-body ins')).some((line) => line.includes('ArnNotEquals')));
    await browser.defaultBrowserContext().overridePermissions(`file://${file}`, ['clipboard-read', 'clipboard-write', 'clipboard-sanitized-write']);
    await page.evaluate(() => [...document.querySelectorAll('#panel button')].find((button) => button.textContent === 'Copy the commands').click());
    await page.waitForFunction(() => [...document.querySelectorAll('#panel button')].some((button) => button.textContent.startsWith('Cop') && button.textContent !== 'Copy the commands' && !button.textContent.startsWith('Copy link')));
    assert.ok((await page.evaluate(() => navigator.clipboard.readText())).startsWith('scangap explain --snapshot'));
    assert.ok(body.includes('(333333333333), eu-west-1'), 'where it is stands first');
    // What is simulated is in nobody's console; a page of AWS leads there.
    assert.equal((await page.$$('#console')).length, 0);
    const text = readFileSync(file, 'utf8');
    const [, before, packed, after] = text.match(/^([^]*id="data"[^>]*>)([^<]*)(<[^]*)$/);
    const data = JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString());
    assert.equal(data.console, null);
    data.console = 'https://{region}.console.aws.amazon.com/ecr/repositories/private';
    const real = `${mkdtempSync(join(tmpdir(), 'page-'))}/report.html`;
    writeFileSync(real, before + gzipSync(JSON.stringify(data)).toString('base64') + after);
    await page.goto(`file://${real}`);
    await page.waitForSelector('html.ready');
    await page.locator('#body tr[data-place="0"]').click();
    const href = await page.$eval('#console', (link) => link.href);
    assert.equal(href, 'https://eu-west-1.console.aws.amazon.com/ecr/repositories/private/333333333333/journey/1-blocked?region=eu-west-1');
  },

  async keyboard() {
    const page = await open();
    // From the top of the page by Tab alone: the skip link, then on to the table.
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
    for (let presses = 0; presses < 200 && (await focused(page)) !== '0'; presses++) await page.keyboard.press('Tab');
    assert.equal(await focused(page), '0', 'the first row is reached');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    assert.equal(await focused(page), '1');
    const name = (await column(page, 5))[1];
    await page.keyboard.press('Enter');
    assert.equal(await page.$eval('#panel', (panel) => panel.open), true);
    assert.equal(await page.$eval('#panel-title', (title) => title.textContent), name);
    assert.equal(await page.evaluate(() => document.querySelector('#panel').contains(document.activeElement)), true, 'focus is in the panel');
    await page.keyboard.press('Escape');
    assert.equal(await page.$eval('#panel', (panel) => panel.open), false);
    assert.equal(await focused(page), '1', 'focus is back');
    await page.keyboard.press('End');
    assert.equal(Number(await focused(page)), (await column(page, 5)).length - 1);
    // A button of the header sorts by keyboard and keeps the focus.
    await page.focus('#heads [data-column=region] button');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.closest('th').ariaSort), 'ascending');
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.notEqual(outline, 'none', 'focus is seen');
  },

  async columns() {
    const page = await open();
    await page.click('#choose summary');
    await page.evaluate(() => [...document.querySelectorAll('#columns label')].find((label) => label.textContent === 'Policy verdict').querySelector('input').click());
    assert.ok((await texts(page, '#heads th')).includes('Policy verdict'));
    assert.ok((await page.evaluate(() => location.hash)).includes('policy_verdict'));
  },

  // Nothing but the page itself is ever asked for, and the browser has nothing to complain of.
  async network() {
    const page = await open();
    await page.locator('#body tr[data-place="0"]').click();
    await page.keyboard.press('Escape');
    await page.type('#search', 'a');
    assert.deepEqual(page.asked, [`file://${file}`]);
    assert.deepEqual(page.said, []);
    // The page's own policy holds: what would be added is not loaded and does not run.
    await page.evaluate(() => {
      const image = new Image();
      image.src = 'https://example.com/x.png';
      document.body.append(image);
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.body.append(script);
    });
    assert.equal(await page.evaluate(() => window.ran), undefined);
    assert.ok(page.said.some((line) => /Content Security Policy/.test(line)), page.said.join('\n'));
  },

  async still() {
    const page = await open('', { script: false });
    // What is far away is not drawn, and innerText has what is drawn: a window as high as the page sees all of it.
    await page.setViewport({ width: 1280, height: 20000 });
    await page.screenshot();
    const text = await page.$eval('body', (body) => body.innerText);
    for (const part of (more || 'Needs action|journey/1-blocked|OfficeOnly|ArnNotEquals').split('|')) assert.ok(text.includes(part), part);
    assert.equal(await page.$eval('#explore', (section) => getComputedStyle(section).display), 'none');
    assert.deepEqual(page.asked, [`file://${file}`]);
  },

  async print() {
    const pages = (pdf) => Buffer.from(pdf).toString('latin1').match(/\/Type\s*\/Page\b/g).length;
    const options = { preferCSSPageSize: true, printBackground: true };
    for (const script of [true, false]) {
      const page = await open('', { script });
      const few = pages(await page.pdf(options));
      assert.ok(few >= 2 && few <= 20, `${few} pages by default`);
      await page.emulateMediaType('print');
      const shown = await page.evaluate(() => ['#causes', '#action', '#reading', '#about', '#explore', '#map', '#policies', 'nav', '.on-paper'].map((selector) => getComputedStyle(document.querySelector(selector)).display !== 'none'));
      assert.deepEqual(shown, [true, true, true, true, false, false, false, false, true]);
    }
    const page = await open();
    // Everything by choice: every row, nothing folded.
    const counts = await page.evaluate(() => {
      window.print = () => {};
      document.querySelector('#print-all').click();
      dispatchEvent(new Event('beforeprint'));
      const rows = document.querySelectorAll('#body tr[data-place]').length;
      const shut = document.querySelectorAll('main details:not([open])').length;
      return { rows, shut };
    });
    const all = pages(await page.pdf(options));
    assert.ok(all >= 3 && all < 60, `${all} pages of everything`);
    assert.equal(`${counts.rows} repositories`, await result(page), 'every row is printed');
    assert.equal(counts.shut, 0, 'what is folded is unfolded on paper');
    await page.emulateMediaType('print');
    await page.evaluate(() => document.documentElement.classList.add('print-all'));
    const hidden = await page.evaluate(() => ['nav', '.tools', '#facets', '.on-paper'].map((selector) => getComputedStyle(document.querySelector(selector)).display));
    assert.deepEqual(hidden, ['none', 'none', 'none', 'none']);
    await page.evaluate(() => dispatchEvent(new Event('afterprint')));
    assert.ok(await page.evaluate(() => document.querySelectorAll('main details:not([open])').length > 0));
    assert.equal(await page.evaluate(() => document.documentElement.classList.contains('print-all')), false);
  },

  async access() {
    const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    for (const options of [{}, { scheme: 'dark' }, { width: 420 }]) {
      for (const panel of [false, true]) {
        const page = await open('', options);
        if (panel) await page.$eval('#body tr[data-place="0"]', (row) => row.click());
        // Through the debugger: the page's policy would not let it in, and rightly.
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
        const found = violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).slice(0, 3).join(', ')}`);
        assert.deepEqual(found, [], JSON.stringify(options));
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `the page is ${wide} pixels wider than the window at ${options.width}`);
        await page.close();
      }
    }
  },

  // A page that has no script of its own: axe finds nothing, nothing is asked for, and it fits every window.
  async plain() {
    const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    for (const options of [{}, { scheme: 'dark' }, { width: 390 }, { width: 2560 }]) {
      const page = await open('', { ready: false, ...options });
      assert.deepEqual(page.asked, [`file://${file}`]);
      assert.equal((await page.$$('script, img, iframe, form')).length, 0);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
      const found = violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).slice(0, 3).join(', ')}`);
      assert.deepEqual(found, [], JSON.stringify(options));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `the page is ${wide} pixels wider than the window at ${options.width}`);
      assert.deepEqual(page.said, []);
      if (more) await page.screenshot({ path: `${more}/plain-${options.width ?? 1440}-${options.scheme ?? 'light'}.png`, fullPage: true });
      await page.close();
    }
  },

  async hostile() {
    const page = await open();
    const rows = (await column(page, 5)).length;
    for (let place = 0; place < rows; place++) {
      await page.$eval(`#body tr[data-place="${place}"]`, (row) => row.click());
      assert.equal((await page.$$('#panel img, #panel iframe, #panel a, #panel script, #panel b b')).length, 0);
      await page.keyboard.press('Escape');
    }
    assert.deepEqual(page.asked, [`file://${file}`]);
    assert.deepEqual(page.said, []);
    assert.equal(await page.evaluate(() => window.acted), undefined);
    const text = await page.$eval('body', (body) => body.textContent);
    assert.ok(!/[\u202a-\u202e\u2066-\u2069\u0000-\u0008\u001b]/.test(text), 'what acts on sight is shown');
    for (const part of more.split('|')) assert.ok(text.includes(part), part);
  },

  // A table that is longer than the window: every row can be reached, by the wheel and by keyboard.
  async long() {
    const page = await open();
    const count = Number(more);
    assert.ok(count > 200);
    const last = () => page.$$eval('#body tr[data-place]', (rows) => Number(rows.at(-1).dataset.place));
    await page.$eval('#window', (port) => { port.scrollTop = port.scrollHeight; });
    await page.waitForFunction((place) => document.querySelector(`#body [data-place="${place}"]`), {}, count - 1);
    const seen = await page.$eval(`#body [data-place="${count - 1}"]`, (row) => { const box = row.getBoundingClientRect(); const port = document.querySelector('#window').getBoundingClientRect(); return box.bottom <= port.bottom + 1 && box.top >= port.top; });
    assert.ok(seen, 'the last row is in sight');
    assert.equal(await last(), count - 1);
    await page.$eval('#window', (port) => { port.scrollTop = 0; });
    await page.waitForSelector('#body [data-place="0"]');
    await page.focus('#body [data-place="0"]');
    await page.keyboard.press('End');
    assert.equal(await focused(page), String(count - 1));
    await page.keyboard.press('Home');
    assert.equal(await focused(page), '0');
    const drawn = await page.$$eval('#body tr[data-place]', (rows) => rows.length);
    assert.ok(drawn < 100, `${drawn} rows are drawn`);
  },

  // How it feels with many rows: milliseconds, for people.
  async large() {
    const started = performance.now();
    const page = await open();
    const ready = performance.now() - started;
    const measure = (work) => page.evaluate(`(async () => { const from = performance.now(); ${work}; await new Promise((done) => requestAnimationFrame(() => setTimeout(done))); return performance.now() - from; })()`);
    const sort = await measure("document.querySelector('#heads [data-column=repository] button').click()");
    const scroll = await measure("document.querySelector('#window').scrollTop = 400000");
    const there = await page.$eval('#body tr[data-place]', (row) => Number(row.dataset.place));
    assert.ok(there > 5000, `row ${there} stands at the top after scrolling`);
    const facet = await measure("document.querySelector('#facets input[type=checkbox]').click()");
    await page.click('#clear');
    const search = await measure("document.querySelector('#search').value = 'service-00012'; document.querySelector('#search').dispatchEvent(new Event('input')); await new Promise((done) => setTimeout(done, 160))");
    const drawn = await page.$$eval('#body tr', (rows) => rows.length);
    assert.ok(drawn < 200, `${drawn} rows are drawn`);
    const round = Math.round;
    console.log(`opened in ${round(ready)} ms, sorted in ${round(sort)} ms, narrowed in ${round(facet)} ms, scrolled in ${round(scroll)} ms, searched in ${round(search - 160)} ms; ${await result(page)}, ${drawn} rows drawn`);
  },

  // Pictures, for eyes: light, dark, narrow, without the script, and the panel.
  async pictures() {
    for (const [name, options, width] of [['light', {}, 1440], ['dark', { scheme: 'dark' }, 1440], ['narrow', { width: 420 }, 420], ['still', { script: false }, 1440]]) {
      const page = await open('', { width, ...options });
      await page.screenshot({ path: `${more}/${name}.png`, fullPage: true });
    }
    const page = await open();
    await page.screenshot({ path: `${more}/first.png` });
    await page.$eval('#explore', (section) => section.scrollIntoView());
    await page.locator('#body tr[data-place="0"]').click();
    await page.screenshot({ path: `${more}/panel.png` });
    await (await open()).pdf({ path: `${more}/print.pdf`, preferCSSPageSize: true, printBackground: true });
  },
};

try {
  assert.ok(checks[check], `no check is called ${check}`);
  await checks[check]();
} finally {
  await browser.close();
}
