// A page of twenty lists changes as one: whatever it shows at any moment is what
// the database held after one of its transactions.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { random, Stand } from './stand.mjs';

const rooms = 20;
const turns = 120;
const seed = Number(process.env.SEED ?? Date.now() % 1e6);
const pick = random(seed);
const faults = [];

let stand, house, url, page;

before(async () => {
  stand = await Stand.open('house', { board: false });
  house = spawn(process.env.HOUSE_BINARY, [stand.db], { stdio: ['ignore', 'pipe', 'inherit'] });
  process.on('exit', () => house.kill('SIGKILL'));
  url = String((await once(house.stdout, 'data'))[0]).trim();
  page = await stand.browser.newPage();
  page.setDefaultTimeout(15_000);
  page.on('pageerror', (error) => faults.push(error.stack));
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && faults.push(message.text()));
  await page.addInitScript(listen);
  await page.goto(url);
  await page.waitForFunction((rooms) => document.querySelectorAll('[data-status=live]').length === rooms, rooms);
});

after(async () => {
  house?.kill('SIGKILL');
  await stand?.close();
});

// listen keeps what the server said, to be read where a state was mixed.
function listen() {
  window.heard = [];
  window.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      this.addEventListener('message', ({ data }) => {
        const { type, position, whole, behind, observer, seq } = JSON.parse(data);
        window.heard.push(`${performance.now().toFixed()} ${[type, position && parseInt(position.slice(8), 16), whole && 'whole', behind?.length && `${behind.length} behind`, observer?.slice(0, 4), seq].filter((one) => one !== undefined).join(' ')}`);
      });
    }
  };
}

// look notes what the page shows: after each task that alters it, and on each
// frame that is painted.
function look() {
  window.shown = [];
  const note = (when) => {
    const turns = [...document.querySelectorAll('ol')].map((room) => Math.max(...[...room.children].map((lamp) => Number(lamp.dataset.turn))));
    const light = [...document.querySelectorAll('li')].reduce((all, lamp) => all + Number(lamp.dataset.light), 0);
    const text = JSON.stringify([turns, light]);
    if (text !== window.shown.at(-1)?.text) window.shown.push({ when, turns, light, text, heard: window.heard.length });
  };
  new MutationObserver(() => note('task')).observe(document.querySelector('main'), { subtree: true, childList: true });
  const frame = () => {
    note('frame');
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

test(`no state is mixed over ${turns} transactions (SEED=${seed})`, async (t) => {
  await page.evaluate(look);
  const after = [Array(rooms).fill(0)]; // for each turn, the last that touched each room
  const turn = async (n) => {
    const touched = [...new Set(Array.from({ length: 2 + pick(8) }, () => 1 + pick(rooms)))];
    after[n] = after[n - 1].map((last, i) => (touched.includes(i + 1) ? n : last));
    const answer = await fetch(`${url}/turn?n=${n}&rooms=${touched}`, { method: 'POST' });
    assert.equal(answer.status, 204, await answer.text());
  };
  const shows = (n) => page.waitForFunction((n) => window.shown.at(-1)?.turns.includes(n), n);
  for (let n = 1; n <= turns; n++) {
    await turn(n);
    if (pick(2)) await shows(n); // else the next follows at its heels
  }
  await shows(turns);
  const { shown, heard } = await page.evaluate(() => ({ shown: window.shown, heard: window.heard }));
  for (const { when, turns, light, heard: at } of shown) {
    const n = Math.max(...turns);
    const told = `by ${when}, after turn ${n}; the server had said\n${heard.slice(Math.max(0, at - 20), at + 5).join('\n')}\n`;
    assert.equal(String(turns), String(after[n]), told);
    assert.equal(light, rooms * 3 * 100, `light of all rooms ${told}`);
  }
  const states = new Set(shown.map(({ turns }) => Math.max(...turns))).size;
  assert.ok(states > turns / 4, `only ${states} states were seen`);
  assert.deepEqual(faults, []);
  t.diagnostic(`${states} states, none mixed`);
});
