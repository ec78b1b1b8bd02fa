// The demo, the page without a build, a resource in a browser and the console,
// light and dark, wide and at 360 px: nothing is cut off, and a picture of each
// is left in .cache/sheets for whoever wants to see.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Serve } from './serve.mjs';
import { Stand } from './stand.mjs';

const token = 'the-operators-token';
const folder = join(import.meta.dirname, '../../.cache/sheets');
const faults = [];

let stand, serve, operators;

before(async () => {
  await mkdir(folder, { recursive: true });
  stand = await Stand.open('sheet');
  serve = new Serve(process.env.WAKEFUL_BINARY, ['--db', stand.db, '--operator', '127.0.0.1:0'], { WAKEFUL_OPERATOR_TOKEN: token });
  const told = new Promise((found) => {
    const look = setInterval(() => {
      const url = /For operators: (http:\/\/[\d.]+:\d+)/.exec(serve.errors)?.[1];
      if (url) found(url);
      if (url) clearInterval(look);
    }, 10);
  });
  await serve.start();
  operators = await told;
});

after(async () => {
  await serve?.stop();
  await stand?.close();
});

// pages are what is looked at: how one gets there, and how one knows that it is drawn.
const pages = {
  board: async (page) => {
    await page.goto(stand.server.url);
    await page.locator('#state[data-state=live]').waitFor();
    await page.locator('.ticket').first().waitFor();
  },
  plain: async (page) => {
    await page.goto(`${stand.server.url}/plain.html`);
    await page.locator('#top li').first().waitFor();
  },
  browse: async (page) => {
    await page.goto(`${serve.url}/api/tickets?limit=5`);
    await page.locator('.pill[data-state=live]').waitFor();
    await page.locator('tbody tr, td[data-label=title]').first().waitFor();
  },
  form: async (page) => {
    await pages.browse(page);
    await page.locator('.tools .main').click();
    await page.locator('dialog[open] [name=title]').waitFor();
  },
  console: async (page) => {
    await page.goto(`${operators}/console/`);
    await page.fill('#token', token);
    await page.press('#token', 'Enter');
    await page.locator('.pill[data-state=live]').waitFor();
    await page.locator('main h2').first().waitFor();
  },
};

for (const [name, go] of Object.entries(pages)) {
  test(name, async () => {
    const grounds = {};
    for (const colorScheme of ['light', 'dark']) for (const width of [1280, 360]) {
      const context = await stand.browser.newContext({ colorScheme, viewport: { width, height: 800 }, reducedMotion: 'reduce' });
      const page = await context.newPage();
      page.setDefaultTimeout(15_000);
      page.on('pageerror', (error) => faults.push(`${name}: ${error.stack}`));
      page.on('console', (message) => ['error', 'warning'].includes(message.type()) && !/status of 401/.test(message.text()) && faults.push(`${name}: ${message.text()}`));
      await go(page);
      await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
      await page.screenshot({ path: join(folder, `${name}-${colorScheme}-${width}.png`), fullPage: name !== 'form' });
      const { wide, ground } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, ground: getComputedStyle(document.body).backgroundColor }));
      assert.ok(wide <= width, `${name}, ${colorScheme}: ${wide} px wide on ${width}`);
      grounds[colorScheme] = ground;
      await context.close();
    }
    assert.notEqual(grounds.light, grounds.dark, `${name} is as light in the dark`);
    assert.deepEqual(faults.splice(0), []);
  });
}
