// Pictures of a page, for eyes: node shots.mjs PAGE FOLDER
import puppeteer from 'puppeteer-core';
const [page_file, folder] = process.argv.slice(2);
const browser = await puppeteer.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
for (const [name, scheme, width, height, hash, js] of [
  ['light', 'light', 1440, 1000, '', true], ['dark', 'dark', 1440, 1000, '', true], ['narrow', 'light', 420, 900, '', true],
  ['still', 'light', 1440, 1000, '', false], ['panel', 'light', 1440, 1000, 'PANEL', true],
]) {
  const page = await browser.newPage();
  await page.setJavaScriptEnabled(js);
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  page.on('pageerror', (error) => console.error(name, error));
  page.on('console', (message) => console.error(name, message.text()));
  await page.goto(`file://${page_file}`);
  if (js) await page.waitForSelector('.ready');
  if (hash) { await page.click('tr[data-place="2"]'); await page.screenshot({ path: `${folder}/${name}.png` }); }
  else await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
  await page.close();
}
const page = await browser.newPage();
await page.goto(`file://${page_file}`);
await page.waitForSelector('.ready');
await page.pdf({ path: `${folder}/print.pdf`, preferCSSPageSize: true, printBackground: true });
await browser.close();
