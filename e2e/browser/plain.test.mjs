// The demo's page without a build, in a real Chromium.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import { Server } from './server.mjs';

test('the page without a build follows, and writes', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'wakeful-plain-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const server = new Server(process.env.WAKEFUL_BINARY, join(folder, 'board.db'));
  await server.start();
  t.after(() => server.stop());
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-gpu', '--no-first-run'] });
  t.after(() => browser.close());
  const page = await browser.newPage();
  page.setDefaultTimeout(15_000);
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.stack));
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && faults.push(message.text()));
  await page.goto(`${server.url}/plain.html`);
  await page.locator('#state[data-state=live]').waitFor();
  const shows = async () => {
    const wanted = (await server.get('/api/top')).map(({ title, votes }) => `${title}▲ ${votes}`);
    await page.waitForFunction((wanted) => [...document.querySelectorAll('#top li')].map((line) => line.textContent).join() === wanted, wanted.join());
  };
  await shows();
  const [{ id, votes }] = await server.get('/api/top');
  for (let i = 0; i < 3; i++) await server.send('POST', `/api/tickets/${id}/vote`, {});
  await shows();
  await page.locator('#top li button').first().click();
  await page.locator('#top li button', { hasText: `▲ ${votes + 4}` }).waitFor();
  await page.fill('#add input', 'Written without a build');
  await page.click('#add button');
  await page.waitForFunction(async () => (await (await fetch('/api/tickets')).json()).some(({ title }) => title === 'Written without a build'));
  assert.deepEqual(faults, []);
});
