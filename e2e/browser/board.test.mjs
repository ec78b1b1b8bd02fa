// Two windows of the demo in a real Chromium: they stay equal to each other and
// to a plain GET under edits, under load, and across restarts of the server.
//
//   node --test e2e/browser/        needs the environment that test.sh sets
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { Server } from './server.mjs';
import { Window } from './window.mjs';

let folder, server, browser, one, two;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wakeful-browser-'));
  server = new Server(process.env.WAKEFUL_BINARY, join(folder, 'board.db'));
  await server.start();
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  [one, two] = await Promise.all([Window.open(browser, server.url), Window.open(browser, server.url)]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

// equal waits until both windows show what the server has.
async function equal() {
  await Promise.all([one.shows(server), two.shows(server)]);
  assert.equal(await one.text(), await two.text());
  await one.check();
  await two.check();
}

test('both windows show the board', equal);

test('edits by hand in either window reach both', async () => {
  await one.page.fill('#add input', 'Written in window one');
  await one.page.click('#add button');
  const there = two.ticket('Written in window one');
  await there.waitFor();
  await equal();

  await there.locator('.vote').click();
  await one.ticket('Written in window one').locator('.vote b', { hasText: '1' }).waitFor();
  await there.locator('.who').selectOption({ label: 'Grace' });
  await one.page.locator('.ticket', { hasText: 'Written in window one' }).locator('.avatar', { hasText: 'G' }).waitFor();
  await equal();

  await there.locator('[data-act=down]').click();
  await one.page.locator('[data-status=todo] .ticket:nth-child(2)', { hasText: 'Written in window one' }).waitFor();
  await there.locator('[data-act=on]').click();
  await one.page.locator('[data-status=doing] .ticket', { hasText: 'Written in window one' }).waitFor();
  await equal();

  await one.ticket('Written in window one').locator('[data-act=delete]').click();
  await there.waitFor({ state: 'detached' });
  await equal();
});

test('a change comes back with its position', async () => {
  await one.page.locator('.ticket .vote').first().click();
  await one.page.locator('#trip', { hasText: 'on screen after' }).waitFor();
});

test('a window that turns to another project follows that one', async () => {
  await two.page.locator('#projects button', { hasText: 'Tide' }).click();
  await two.page.locator('#projects button[aria-pressed=true]', { hasText: 'Tide' }).waitFor();
  await two.shows(server);
  await server.send('POST', '/api/tickets', { title: 'Only in Tide', project: '3' });
  await two.ticket('Only in Tide').waitFor();
  assert.equal(await one.ticket('Only in Tide').count(), 0);
  // There and back at once, many times over: what is left and followed again is live.
  for (let i = 0; i < 9; i++) {
    await two.page.locator('#projects button', { hasText: ['Harbour', 'Lantern', 'Tide'][i % 3] }).click({ noWaitAfter: true });
  }
  await two.page.locator('#projects button', { hasText: 'Harbour' }).click();
  await server.send('POST', '/api/tickets', { title: 'After much turning', project: '1' });
  await two.ticket('After much turning').waitFor();
  await equal();
});

test('under load they stay whole, and end equal', async () => {
  await load(150);
  await equal();
  assert.ok((await one.check()) > 10, 'the server never said that all lists show one commit');
});

for (const signal of ['SIGINT', 'SIGKILL']) {
  test(`the server ends by ${signal} and starts again: nothing lost, nothing doubled`, async () => {
    const mark = `Before ${signal}`;
    await server.send('POST', '/api/tickets', { title: mark, project: '1' });
    await one.ticket(mark).waitFor();

    one.offline = two.offline = true;
    const code = await server.stop(signal);
    if (signal === 'SIGINT') assert.equal(code, 0, `exit code; ${server.errors}`);
    await Promise.all([one.lost(), two.lost()]);
    await server.start();
    await server.send('POST', '/api/tickets', { title: `After ${signal}`, project: '1' });
    await load(20);
    await Promise.all([one.live(), two.live()]);
    one.offline = two.offline = false;

    await equal();
    for (const w of [one, two]) {
      assert.equal(await w.ticket(mark).count(), 1);
      assert.equal(await w.ticket(`After ${signal}`).count(), 1);
    }
  });
}

// load writes n times, by several clients at once.
async function load(n) {
  const tickets = await server.get('/api/tickets?project=1');
  const statuses = ['todo', 'doing', 'done'];
  const write = async (i) => {
    const { id } = tickets[(i * 7) % tickets.length];
    if (i % 3 === 0) await server.send('POST', `/api/tickets/${id}/vote`, {});
    else if (i % 3 === 1) await server.send('POST', `/api/tickets/${id}/move`, { by: i % 2 ? 'up' : 'down' });
    else await server.send('PATCH', `/api/tickets/${id}`, { status: statuses[i % statuses.length] });
  };
  const writer = async (first) => {
    for (let i = first; i < n; i += 4) await write(i);
  };
  await Promise.all([0, 1, 2, 3].map(writer));
}
