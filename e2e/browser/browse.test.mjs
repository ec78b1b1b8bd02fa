// The pages that browsers are shown of resources, in a real Chromium: lists
// move, filters are the address, forms write and say what is wrong.
//
//   node --test e2e/browser/        needs the environment that test.sh sets
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { Serve } from './serve.mjs';
import { Server } from './server.mjs';

const secret = 'a secret of thirty-two bytes, or more';
const rules = `tables:
  people: {read: public}
  projects: {read: signed_in}
  tickets: {read: public, create: signed_in, update: claims.sub = 'ada' and votes < 100, delete: claims.sub = 'ada' and votes < 100}
`;

let folder, open, guarded, browser, context;
const faults = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wakeful-browse-'));
  const db = join(folder, 'board.db');
  const board = new Server(process.env.WAKEFUL_BINARY, db); // makes the tables
  await board.start();
  await board.stop();
  await writeFile(join(folder, 'secret'), secret);
  await writeFile(join(folder, 'wakeful.yaml'), rules);
  open = new Serve(process.env.WAKEFUL_BINARY, ['--db', db]);
  guarded = new Serve(process.env.WAKEFUL_BINARY, ['--db', db, '--base-path', '/shop', '--config', join(folder, 'wakeful.yaml'), '--jwt-secret-file', join(folder, 'secret')]);
  await open.start();
  await guarded.start();
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  context = await browser.newContext();
});

after(async () => {
  await browser?.close();
  await Promise.all([open?.stop(), guarded?.stop()]);
  if (folder) await rm(folder, { recursive: true, force: true });
});

// visit opens a page; what its console says is a fault, but for the refusals
// that a test is about, which Chromium notes by their status.
async function visit(url, refusals = []) {
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('pageerror', (error) => faults.push(`error: ${error.stack}`));
  page.on('console', (message) => {
    const expected = refusals.some((status) => message.text().includes(`status of ${status}`));
    if (['error', 'warning'].includes(message.type()) && !expected) faults.push(`console: ${message.text()}`);
  });
  await page.goto(url);
  return page;
}

const live = (page) => page.locator('.pill[data-state=live]').waitFor();

// titles waits until the column title shows these.
async function titles(page, wanted) {
  await page.waitForFunction((wanted) => {
    const shown = [...document.querySelectorAll('td[data-label=title]')].map((cell) => cell.textContent);
    return JSON.stringify(shown) === JSON.stringify(wanted);
  }, wanted).catch(async () => {
    const shown = await page.locator('td[data-label=title]').allTextContents();
    assert.deepEqual(shown, wanted);
  });
}

// wanted are the titles that a plain GET has.
async function wanted(server, path) {
  return (await server.send('GET', path)).results.map((row) => row.title);
}

async function done(page) {
  await page.close();
  assert.deepEqual(faults.splice(0), []);
}

test('the index leads to lists, and these to rows', async () => {
  const page = await visit(`${open.url}/api/`);
  await page.locator('tbody a', { hasText: 'tickets' }).click();
  await live(page);
  await titles(page, await wanted(open, '/api/tickets'));
  await page.locator('tbody a', { hasText: /^3$/ }).first().click();
  await page.locator('dd', { hasText: 'Undo after deleting a file' }).waitFor();
  await page.locator('dd a', { hasText: /^1$/ }).click(); // the project that it refers to
  await page.locator('dd', { hasText: 'Harbour' }).waitFor();
  await done(page);
});

test('the list moves when somebody writes', async () => {
  const page = await visit(`${open.url}/api/tickets?status=doing&ordering=title`);
  await live(page);
  await titles(page, await wanted(open, '/api/tickets?status=doing&ordering=title'));
  const { id } = await open.send('POST', '/api/tickets', { project_id: 1, assignee_id: 1, status: 'doing', title: 'A first one', place: 99 });
  await titles(page, await wanted(open, '/api/tickets?status=doing&ordering=title'));
  await open.send('PATCH', `/api/tickets/${id}`, { title: 'Zuletzt', votes: 3 });
  await titles(page, await wanted(open, '/api/tickets?status=doing&ordering=title'));
  await open.send('DELETE', `/api/tickets/${id}`);
  await titles(page, await wanted(open, '/api/tickets?status=doing&ordering=title'));
  await done(page);
});

test('filters, order, search and pages are the address', async () => {
  const page = await visit(`${open.url}/api/tickets`);
  await live(page);
  await page.locator('.add-filter').click();
  await page.locator('[aria-label=Column]').selectOption('votes');
  await page.locator('[aria-label=How]').selectOption('gte');
  await page.locator('[aria-label="Value of votes"]').fill('5');
  await page.waitForURL('**/api/tickets?votes__gte=5');
  await titles(page, await wanted(open, '/api/tickets?votes__gte=5'));

  await page.locator('th button', { hasText: 'votes' }).click();
  await page.locator('th[aria-sort=ascending]', { hasText: 'votes' }).waitFor();
  await page.locator('th button', { hasText: 'votes' }).click();
  await page.waitForURL('**/api/tickets?votes__gte=5&ordering=-votes');
  await titles(page, await wanted(open, '/api/tickets?votes__gte=5&ordering=-votes'));

  await page.locator('.tools input[type=search]').fill('a');
  await page.waitForURL('**search=a*');
  const found = new URL(page.url());
  await titles(page, await wanted(open, found.pathname + found.search));

  await page.goBack();
  const before = new URL(page.url());
  assert.equal(before.searchParams.has('search'), false);
  await titles(page, await wanted(open, before.pathname + before.search));

  await page.goto(`${open.url}/api/tickets?limit=5&ordering=id`);
  await live(page);
  await page.locator('.pager [rel=next]').click();
  await page.waitForURL('**offset=5**');
  await titles(page, await wanted(open, '/api/tickets?limit=5&offset=5&ordering=id'));
  await page.locator('.count', { hasText: '6–10 of' }).waitFor();
  await done(page);
});

test('a wrong parameter is said where it stands, and can be taken away', async () => {
  const page = await visit(`${open.url}/api/tickets?votes=many&nonsense=1`, [400]);
  await page.locator('.filter', { hasText: 'an integer is wanted' }).waitFor();
  await page.locator('.filter', { hasText: 'no such parameter' }).locator('.remove').click();
  await page.waitForURL('**/api/tickets?votes=many');
  await page.locator('.filter .remove').click();
  await page.waitForURL('**/api/tickets');
  await live(page);
  await titles(page, await wanted(open, '/api/tickets'));
  assert.equal(await page.locator('.alert').isVisible(), false);
  await done(page);
});

test('a form creates, another alters, a button deletes; what is wrong stands at its field', async () => {
  const page = await visit(`${open.url}/api/tickets`, [422, 400, 404]);
  const other = await visit(`${open.url}/api/tickets?search=Formed`, []);
  await live(page);
  await live(other);
  await page.locator('.tools .main').click();
  const form = page.locator('dialog[open]');
  await form.locator('[name=project_id]').fill('77');
  await form.locator('[name=assignee_id]').fill('one');
  await form.locator('[name=title]').fill('Formed <b>by hand</b>');
  await form.getByRole('button', { name: 'Create' }).click();
  await form.locator('.field', { hasText: 'assignee_id' }).locator('.wrong', { hasText: 'integer' }).waitFor();
  assert.equal(await form.locator('[name=assignee_id]').getAttribute('aria-invalid'), 'true');
  await form.locator('[name=assignee_id]').fill('1');
  for (const name of ['status', 'place']) {
    const input = form.locator(`[name=${name}]`);
    if ((await input.count()) > 0) await input.fill({ status: 'todo', place: '55' }[name]);
  }
  await form.getByRole('button', { name: 'Create' }).click();
  await form.locator('.field', { hasText: 'project_id' }).locator('.wrong', { hasText: 'no such row in projects' }).waitFor();
  await form.locator('[name=project_id]').fill('2');
  await form.getByRole('button', { name: 'Create' }).click();
  await form.waitFor({ state: 'detached' });
  await page.locator('.trip', { hasText: /^Created \d+, on screen after/ }).waitFor();
  await titles(other, ['Formed <b>by hand</b>']);
  const [made] = (await open.send('GET', '/api/tickets?search=Formed')).results;
  assert.equal(made.project_id, 2);

  // Another tab alters the row while it is being edited here.
  await other.getByRole('button', { name: `Edit ${made.id}` }).click();
  const edit = other.locator('dialog[open]');
  await edit.locator('[name=title]').fill('Formed again');
  await open.send('PATCH', `/api/tickets/${made.id}`, { votes: 41 });
  await edit.getByRole('button', { name: 'Save' }).click();
  await edit.locator('.alert', { hasText: 'meanwhile' }).waitFor();
  await edit.getByRole('button', { name: 'Take the new values' }).click();
  await other.locator('dialog[open] [name=votes]').waitFor();
  assert.equal(await other.locator('dialog[open] [name=votes]').inputValue(), '41');
  await other.locator('dialog[open] [name=title]').fill('Formed again');
  await other.locator('dialog[open]').getByRole('button', { name: 'Save' }).click();
  await titles(other, ['Formed again']);
  assert.deepEqual(await open.send('GET', `/api/tickets/${made.id}`), { ...made, title: 'Formed again', votes: 41 });

  await page.goto(`${open.url}/api/tickets/${made.id}`);
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Delete it' }).click();
  await page.locator('.none').waitFor();
  await titles(other, []);
  await other.close();
  faults.splice(0, faults.length, ...faults.filter((fault) => !fault.includes('status of 412')));
  await done(page);
});

test('the request, its answer, status and headers can be looked at', async () => {
  const page = await visit(`${open.url}/api/people/1`, [404]); // of JSON, Chromium asks for an icon
  await live(page);
  await page.locator('.exchange summary').click();
  await page.locator('.wire.head', { hasText: 'HTTP 200 OK' }).waitFor();
  const head = await page.locator('.wire.head').textContent();
  assert.match(head, /^GET \/api\/people\/1\n/);
  assert.match(head, /Content-Type: application\/json/);
  assert.deepEqual(JSON.parse(await page.locator('.wire').last().textContent()), await open.send('GET', '/api/people/1'));
  await page.locator('a.json').click();
  assert.equal(await page.locator('body').textContent(), JSON.stringify(await open.send('GET', '/api/people/1')));
  await done(page);
});

test('rights are the caller\'s: no form for who may not write, a token that is entered counts', async () => {
  const page = await visit(`${guarded.url}/shop/api/tickets`, [401]);
  await live(page);
  assert.equal(await page.locator('.tools .main').count(), 0);
  assert.equal(await page.locator('td.act').count(), 0);
  await page.goto(`${guarded.url}/shop/api/projects`);
  await page.locator('.alert', { hasText: 'sign in' }).waitFor();

  await page.locator('.alert button').click();
  await page.locator('dialog textarea').fill('not a token, surely');
  await page.getByRole('button', { name: 'Use it' }).click();
  await page.locator('dialog .wrong:not([hidden])').waitFor();
  await page.locator('dialog textarea').fill(`Bearer ${tokenOf('ada')}`);
  await page.getByRole('button', { name: 'Use it' }).click();
  await live(page);
  await page.locator('td', { hasText: 'Harbour' }).waitFor();
  assert.equal(await page.locator('.tools .main').count(), 0); // projects are read only

  await page.goto(`${guarded.url}/shop/api/tickets/1`);
  await page.getByRole('button', { name: 'Edit' }).waitFor();
  await open.send('PATCH', '/api/tickets/1', { votes: 100 }); // not hers to alter any more
  await page.getByRole('button', { name: 'Edit' }).waitFor({ state: 'hidden' });
  await open.send('PATCH', '/api/tickets/1', { votes: 4 });
  await page.getByRole('button', { name: 'Edit' }).waitFor();

  assert.deepEqual(await page.evaluate(() => [Object.keys(localStorage), document.cookie.includes('eyJ')]), [[], false]);
  const another = await visit(`${guarded.url}/shop/api/projects`, [401]); // a tab of its own has no token
  await another.locator('.alert', { hasText: 'sign in' }).waitFor();
  await another.close();
  await done(page);
});

function tokenOf(sub) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub, exp: Math.floor(Date.now() / 1000) + 3600 })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}
