// 1,000 random edits by hand in two windows, over HTTP and in SQL by another
// process, and a server that is killed meanwhile: both windows end as the database.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { random, Stand } from './stand.mjs';
import { Window } from './window.mjs';

const seed = Number(process.env.SEED ?? Date.now() % 1e6);
const pick = random(seed);
const edits = 1000;
const statuses = ['todo', 'doing', 'done'];

let stand, sql, one, two;
const done = { page: 0, http: 0, sql: 0 };
const total = () => done.page + done.http + done.sql;

before(async () => {
  stand = await Stand.open('thousand');
  sql = new SQL(stand.db);
  [one, two] = await Promise.all([Window.open(stand.browser, stand.server.url), Window.open(stand.browser, stand.server.url)]);
});

after(async () => {
  await sql?.close();
  await stand?.close();
});

// SQL is a shell of SQLite on the file of the running server.
class SQL {
  constructor(file) {
    this.process = spawn('sqlite3', ['-batch', '-json', file]);
    this.errors = '';
    this.process.stderr.on('data', (text) => (this.errors += text));
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
    this.process.stdin.write('.timeout 10000\n');
  }

  // run returns the rows of a statement that has some.
  async run(statement) {
    this.process.stdin.write(`${statement}\n.print over\n`);
    let said = '';
    for (;;) {
      const { value, done } = await this.lines.next();
      if (done || value === 'over') break;
      said += value;
    }
    assert.equal(this.errors, '', statement);
    return said ? JSON.parse(said) : [];
  }

  async close() {
    this.process.stdin.end();
    if (this.process.exitCode === null) await once(this.process, 'exit');
  }
}

// byHand presses something in a window, and says whether the server did it. A
// card that somebody is about to delete is left alone.
async function byHand(window) {
  const act = ['vote', 'vote', 'up', 'down', 'on', 'back', 'add'][pick(7)];
  return window.page.evaluate(async ({ act, at, mark }) => {
    const cards = [...document.querySelectorAll('.ticket')].filter((card) => !card.textContent.includes('Doomed'));
    const card = cards[at % cards.length];
    const form = document.querySelector('#add');
    if (act === 'add') form.elements.title.value = mark;
    const button = act === 'add' ? form.querySelector('button') : card.querySelector(act === 'vote' ? '.vote' : `[data-act=${act}]`);
    if (button.disabled) return false;
    const answered = new Promise((told) => {
      const fetch = window.fetch;
      window.fetch = (...request) => {
        window.fetch = fetch;
        const answer = fetch(...request);
        answer.then((response) => told(response.ok), () => told(false));
        return answer;
      };
    });
    button.click();
    return answered;
  }, { act, at: pick(1e6), mark: `By hand ${total()}` });
}

async function byHTTP() {
  const tickets = await stand.server.get('/api/tickets?project=1');
  const ticket = tickets[pick(tickets.length)];
  const doomed = tickets.filter((one) => one.title.startsWith('Doomed by HTTP'));
  switch (pick(6)) {
    case 0: return stand.server.send('POST', '/api/tickets', { title: `${pick(2) ? 'Doomed b' : 'B'}y HTTP ${total()}`, project: '1' });
    case 1: return doomed.length > 0 && stand.server.send('DELETE', `/api/tickets/${doomed[0].id}`);
    case 2: return !ticket.title.startsWith('Doomed') && stand.server.send('PATCH', `/api/tickets/${ticket.id}`, { status: statuses[pick(3)] });
    case 3: return !ticket.title.startsWith('Doomed') && stand.server.send('PATCH', `/api/tickets/${ticket.id}`, { title: `Renamed ${total()}`, assignee: `${1 + pick(3)}` });
    case 4: return !ticket.title.startsWith('Doomed') && stand.server.send('POST', `/api/tickets/${ticket.id}/move`, { by: ['up', 'down'][pick(2)] });
    default: return !ticket.title.startsWith('Doomed') && stand.server.send('POST', `/api/tickets/${ticket.id}/vote`, {});
  }
}

const bySQL = () => sql.run([
  () => `UPDATE tickets SET votes = votes + 1 WHERE project_id = 1 AND id % 7 = ${pick(7)};`,
  () => `UPDATE tickets SET status = '${statuses[pick(3)]}' WHERE id % 11 = ${pick(11)};`,
  () => `BEGIN; UPDATE tickets SET place = place + 10 WHERE project_id = 1 AND place > ${pick(40)}; UPDATE tickets SET assignee_id = ${1 + pick(3)} WHERE id % 13 = ${pick(13)}; COMMIT;`,
  () => `BEGIN; DELETE FROM tickets; ROLLBACK; UPDATE people SET name = substr(name, 1, 12) || '${pick(10)}' WHERE id = ${1 + pick(3)};`,
  () => `INSERT INTO tickets (project_id, assignee_id, status, title, place) VALUES (1, 1, '${statuses[pick(3)]}', 'Doomed by SQL ${total()}', ${pick(50)}), (1, 2, 'todo', 'By SQL ${total()}', ${pick(50)});`,
  () => `DELETE FROM tickets WHERE title LIKE 'Doomed by SQL%' AND id % 3 = ${pick(3)};`,
  () => `DELETE FROM tickets WHERE title LIKE 'By SQL%' AND status = 'gone'; REPLACE INTO activity (id, what) VALUES (${1 + pick(5)}, 'Replaced ${total()}');`,
][pick(7)]());

// edit goes on until all have done enough; what the server did not do is not
// counted. Nobody runs far ahead: a shell writes ten times as fast as a hand.
async function edit(who, how) {
  while (total() < edits) {
    if (done[who] > Math.min(...Object.values(done)) + 20) {
      await new Promise((soon) => setImmediate(soon));
      continue;
    }
    const did = await Promise.resolve(how()).catch((error) => {
      if (!one.offline) throw error;
      return false;
    });
    if (did !== false) done[who]++;
    await new Promise((soon) => setImmediate(soon));
  }
}

// kill ends the server in the midst of it, and starts it again once both
// windows have said so.
async function kill() {
  while (total() < edits / 2) await one.page.evaluate(() => new Promise(requestAnimationFrame));
  one.offline = two.offline = true;
  assert.equal(await stand.server.stop('SIGKILL'), null);
  await Promise.all([one.lost(), two.lost()]);
  await stand.server.start();
  await Promise.all([one.live(), two.live()]);
  one.offline = two.offline = false;
}

test(`two windows end as the database (SEED=${seed})`, async (t) => {
  await Promise.all([edit('page', () => byHand(one)), edit('page', () => byHand(two)), edit('http', byHTTP), edit('sql', bySQL), kill()]);
  t.diagnostic(`edits: ${JSON.stringify(done)}`);
  for (const [who, n] of Object.entries(done)) assert.ok(n > edits / 4, `${n} edits by ${who}`);
  await Promise.all([one.shows(stand.server), two.shows(stand.server)]);
  assert.equal(await one.text(), await two.text());
  for (const status of statuses) {
    const rows = await sql.run(`SELECT id, title, votes, assignee_id FROM tickets WHERE project_id = 1 AND status = '${status}' ORDER BY id;`);
    for (const window of [one, two]) assert.deepEqual(await drawn(window, status), rows, `${status}: what is drawn is what the file holds`);
  }
  assert.ok((await one.check()) > 10 && (await two.check()) > 10, 'the server never said that all lists show one commit');
});

// drawn reads a column off the screen, in the order of the keys.
const drawn = ({ page }, status) => page.locator(`[data-status=${status}] .ticket`).evaluateAll((cards) => cards
  .map((card) => ({ id: Number(card.dataset.key), title: card.querySelector('.title').textContent, votes: Number(card.querySelector('.vote b').textContent), assignee_id: Number(card.querySelector('.who').value) }))
  .toSorted((a, b) => a.id - b.id));
