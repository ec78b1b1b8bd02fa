// The console in a real Chromium: what is drawn is what the server says, lists
// move, one observer can be asked why, and be ended only by meaning it.
//
//   node --test e2e/browser/        needs the environment that test.sh sets
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { Serve } from './serve.mjs';
import { Server } from './server.mjs';

const token = 'the-operators-token';
const secret = 'Nobody may read this in the console';
const faults = [];
const followed = [];
let folder, server, console, browser, context, page, refusals;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wakeful-console-'));
  const db = join(folder, 'board.db');
  const board = new Server(process.env.WAKEFUL_BINARY, db); // makes the tables
  await board.start();
  await board.stop();
  server = new Serve(process.env.WAKEFUL_BINARY, ['--db', db, '--operator', '127.0.0.1:0'], { WAKEFUL_OPERATOR_TOKEN: token });
  await server.start();
  console = await until(() => /For operators: (http:\S+)/.exec(server.errors)?.[1].replace(/[^\d]*$/, '') + '/console/', (url) => url.startsWith('http'));
  await observe('/api/tickets?project_id=1');
  await observe('/api/people');
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  page = await visit(context);
});

after(async () => {
  for (const one of followed) one.abort();
  await browser?.close();
  await server?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

// until asks again until an answer is as it should be.
async function until(ask, fits) {
  for (const end = Date.now() + 15_000; ; ) {
    const answer = await ask();
    if (fits(answer)) return answer;
    assert.ok(Date.now() < end, `it stayed ${JSON.stringify(answer)}`);
    await new Promise((soon) => setImmediate(soon));
    await page?.evaluate(() => new Promise(requestAnimationFrame));
  }
}

// observe follows a list by server-sent events, and gathers what is told.
async function observe(path) {
  const stop = new AbortController();
  const answer = await fetch(server.url + path, { headers: { Accept: 'text/event-stream' }, signal: stop.signal });
  assert.equal(answer.headers.get('content-type'), 'text/event-stream');
  const told = { text: '', abort: () => stop.abort() };
  followed.push(told);
  (async () => {
    for await (const part of answer.body) told.text += new TextDecoder().decode(part);
  })().catch(() => {}); // it is stopped at the end
  return told;
}

// visit opens the console; what its console says is a fault, but for the
// refusals that a test is about.
async function visit(context, hash = '') {
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('pageerror', (error) => faults.push(`error: ${error.stack}`));
  page.on('console', (message) => {
    const expected = refusals?.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !expected) faults.push(`console: ${message.text()}`);
  });
  await page.goto(console + hash);
  return page;
}

const live = (page) => page.locator('.pill[data-state=live]').waitFor();
const go = (hash, on = page) => on.evaluate((to) => { location.hash = to; }, hash);
const asks = (path) => page.evaluate(async (path) => (await fetch(path)).json(), path);
const write = (n, id = 1) => Promise.all(Array.from({ length: n }, (_, i) => server.send('PATCH', `/api/tickets/${id}`, { title: `${secret} ${i} ${Math.random()}` })));
const row = (text) => page.locator('tbody tr', { hasText: text });

// shown asks the page and the server at once, and again until they agree.
const shown = (drawn, path, says) => until(async () => ({ drawn: await page.evaluate(drawn), says: says(await asks(path)) }), (both) => {
  try {
    assert.deepEqual(both.drawn, both.says);
    return true;
  } catch {
    return false;
  }
});

test('who has no login is asked for the token, and told what is wrong with it', async () => {
  refusals = /status of 401/;
  await page.fill('#token', 'a-wrong-operators-token');
  await page.click('button');
  await page.locator('#wrong', { hasText: 'not the operator' }).waitFor();
  await page.fill('#token', token);
  await page.press('#token', 'Enter');
  await live(page);
  refusals = undefined;
});

test('what is drawn of the last seconds is what the server says', async () => {
  for (let i = 0; i < 10; i++) await write(3);
  const sum = (numbers) => numbers.reduce((all, n) => all + n, 0);
  const seconds = await until(() => asks('api/seconds'), (all) => sum(all.map((one) => one.steps)) >= 30 && sum(all.at(-1).latency) === 0);
  assert.ok(sum(seconds.map((one) => one.changes)) >= 30);
  const delivered = (all) => sum(all.flatMap((one) => one.latency));
  await shown(() => [...document.querySelectorAll('.histogram rect')].reduce((all, bar) => all + Number(bar.dataset.count), 0), 'api/seconds', delivered);
  await shown(() => [...document.querySelectorAll('.heat rect')].reduce((all, cell) => all + Number(cell.dataset.count), 0), 'api/seconds', delivered);
  // Each line has as many hills as there were seconds in which something happened.
  for (const kind of ['changes', 'diffs', 'sent']) {
    const busy = await page.evaluate((kind) => {
      const d = document.querySelector(`path[data-series=${kind}]`).getAttribute('d');
      const heights = [...d.matchAll(/[ML]?[\d.]+ ([\d.]+)/g)].map((match) => Number(match[1]));
      return heights.filter((y) => y < Math.max(...heights)).length;
    }, kind);
    assert.equal(busy, (await asks('api/seconds')).filter((one) => one[kind] > 0).length, `hills of ${kind}`);
  }
  // Drawn anew each second: what the server said a moment ago may be drawn with the next.
  await until(() => page.locator('path[data-series=steps]').evaluate((path) => path.getBBox().height), (height) => height > 20);
});

test('memory and costs are drawn as large as they are', async () => {
  await shown(() => [...document.querySelectorAll('[data-part]')].map((part) => [part.dataset.part, Number(part.dataset.bytes)]).sort(), 'api/server',
    ([one]) => Object.entries(one.memory.bytes).filter(([, n]) => n > 0).sort());
  const pieces = await page.locator('[data-part]').evaluateAll((all) => all.map((one) => ({ bytes: Number(one.dataset.bytes), width: one.getBBox().width })).sort((a, b) => a.bytes - b.bytes));
  for (let i = 1; i < pieces.length; i++) assert.ok(pieces[i].width >= pieces[i - 1].width - 2, JSON.stringify(pieces));
  const costs = await page.locator('.bars li').evaluateAll((all) => all.map((one) => [one.querySelector('a').textContent, Number(one.querySelector('rect').dataset.value), one.querySelector('rect').getBBox().width]));
  assert.deepEqual(costs.map(([, value]) => value), costs.map(([, value]) => value).sort((a, b) => b - a));
  assert.ok(costs.length >= 2 && costs[0][2] > 50 && costs[0][2] >= costs[1][2], JSON.stringify(costs));
});

test('the list of observers moves', async () => {
  await go('#/observers');
  const tickets = row('?project_id');
  const before = Number(await tickets.locator('[data-column=items]').textContent());
  await server.send('POST', '/api/tickets', { title: secret, project_id: 1, assignee_id: 1, status: 'todo', place: 99 });
  await tickets.locator('[data-column=items]', { hasText: String(before + 1) }).waitFor();
  const told = await observe('/api/projects');
  await row('projects').waitFor();
  told.abort();
});

test('it is found by words, by what it reads and by the keyboard', async () => {
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement.type), 'search');
  await page.keyboard.type('people');
  await row('project').first().waitFor({ state: 'detached' });
  assert.match(page.url(), /#\/observers\?q=people$/);
  await page.keyboard.press('Escape');
  await row('project').first().waitFor();
  await page.selectOption('[aria-label="Reads table"]', 'people');
  await page.locator('.found', { hasText: '1 of' }).waitFor();
  await page.getByRole('button', { name: 'Show all' }).click();
  await page.getByRole('button', { name: 'Rows' }).click();
  const sizes = await page.locator('[data-column=items]').evaluateAll((all) => all.map((one) => Number(one.textContent)));
  assert.deepEqual(sizes, sizes.toSorted((a, b) => b - a));
  await page.locator('tbody a').first().focus();
  await page.keyboard.press('ArrowDown');
  assert.equal(await page.evaluate(() => document.activeElement.closest('tr')?.rowIndex), 2);
});

test('an observer shows what it reads, how it is kept, and what each change did', async () => {
  await go('#/observers');
  await row('?project_id').locator('a').click();
  await page.locator('.tables b', { hasText: 'tickets' }).waitFor();
  await page.locator('.tables code', { hasText: 'project_id = ?' }).first().waitFor();
  await page.locator('.kept', { hasText: 'By steps' }).waitFor();
  await write(2);
  const id = /observers\/([^/?]+)/.exec(page.url())[1];
  const by = (all) => all.reduce((sums, did) => ({ ...sums, [did]: (sums[did] ?? 0) + 1 }), {});
  const same = await until(async () => ({ drawn: by(await page.locator('g.did').evaluateAll((all) => all.map((one) => one.dataset.did))), says: by((await asks(`api/observers/${id}`)).timeline.map((one) => one.did)) }),
    ({ drawn, says }) => ['step', 'evaluate', 'nothing', 'read'].every((did) => drawn[did] === says[did]));
  assert.ok(same.drawn.step >= 2 && same.drawn.evaluate >= 1, JSON.stringify(same));
  await page.locator('.entries .cost', { hasText: 'from commit to diff' }).first().waitFor();
});

test('it says why it ran for a change, and why not for another', async () => {
  await page.locator('.entries li[data-did=step] button').first().click();
  await page.locator('[data-verdict=stepped]').waitFor();
  await page.locator('.reasons', { hasText: 'touches' }).waitFor();
  assert.match(page.url(), /\/why\//);
  const [{ id: person }] = (await server.send('GET', '/api/people')).results;
  await server.send('PATCH', `/api/people/${person}`, { name: secret });
  const position = await until(async () => (await asks('api/changes')).at(-1), (change) => change.tables[0].table === 'people');
  await go(`#/changes/${encodeURIComponent(position.id)}`);
  await page.locator('.chosen h3', { hasText: 'Those that read' }).waitFor();
  await page.locator('.chosen a', { hasText: '?project_id' }).click();
  await page.locator('[data-verdict=untouched]').waitFor();
  await page.locator('.answer', { hasText: 'the table is not read' }).waitFor();
});

test('nothing of a row is shown anywhere', async () => {
  for (const hash of ['#/', '#/observers', '#/views', '#/connections', '#/changes']) {
    await go(hash);
    await page.locator('main h2').first().waitFor({ state: 'attached' });
    assert.ok(!(await page.content()).includes(secret), hash);
  }
});

test('an observer ends only when it is confirmed', async () => {
  await go('#/observers');
  await row('?project_id').locator('a').click();
  const button = page.getByRole('button', { name: 'End …' });
  await button.click();
  const dialog = page.getByRole('dialog');
  await dialog.locator('.ending', { hasText: 'followed by 1' }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Cancel');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'End …', 'the focus is back');
  assert.ok(!followed[0].text.includes('cleared'));

  refusals = /status of 404/; // the page may ask for it once more
  await button.click();
  await dialog.getByRole('button', { name: 'End it' }).click();
  await page.locator('.notice', { hasText: 'ended' }).waitFor();
  await until(() => followed[0].text, (text) => text.includes('cleared'));
  refusals = undefined;
});

test('light, dark, and 360 wide: nothing is cut off', async () => {
  const colour = (on) => on.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const day = await colour(page);
  await page.getByRole('button', { name: 'Theme: auto' }).click();
  await page.getByRole('button', { name: 'Theme: light' }).click();
  assert.notEqual(await colour(page), day);
  const narrow = await visit(context, '#/');
  await narrow.setViewportSize({ width: 360, height: 740 });
  await live(narrow);
  const id = await narrow.evaluate(async () => (await (await fetch('api/observers')).json())[0].id);
  for (const hash of ['#/', '#/observers', '#/views', '#/connections', '#/changes', `#/observers/${id}`]) {
    await go(hash, narrow);
    await narrow.locator('main h2').first().waitFor({ state: 'attached' });
    await narrow.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    const { scrollWidth, innerWidth } = await narrow.evaluate(() => ({ scrollWidth: document.documentElement.scrollWidth, innerWidth }));
    assert.ok(scrollWidth <= innerWidth, `${hash} is ${scrollWidth} wide`);
  }
  await narrow.close();
});

test('a login that has ended, and a server that is gone, are said', async () => {
  refusals = /status of 401|WebSocket|ERR_CONNECTION/;
  const other = await visit(context, '#/');
  await live(other);
  await other.getByRole('button', { name: 'Log out' }).click();
  await other.locator('#token').waitFor();
  await page.locator('.notice', { hasText: 'login has ended' }).waitFor();
  await page.getByRole('link', { name: 'Log in again' }).click();
  await page.fill('#token', token);
  await page.press('#token', 'Enter');
  await live(page);
  assert.match(page.url(), /#\/observers\//, 'back where it was');
  for (const one of followed) one.abort();
  await server.stop();
  await page.locator('.notice', { hasText: 'no connection' }).waitFor();
  await page.locator('.pill[data-state=offline]').waitFor();
});

test('the browser had nothing to complain about', () => assert.deepEqual(faults, []));
