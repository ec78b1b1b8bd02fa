// The page's client by itself, against the vectors of the protocol and a
// server that misbehaves on purpose. It needs Node only.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { beforeEach, mock, test } from 'node:test';

const root = new URL('../../', import.meta.url);
const source = await readFile(new URL('internal/demo/page/live.js', root), 'utf8');
const { Live } = await import('data:text/javascript,' + encodeURIComponent(source));

globalThis.location = new URL('http://board.test/');
globalThis.addEventListener = () => {};

let sockets;
globalThis.WebSocket = class {
  constructor(url, protocol) {
    Object.assign(this, { url: String(url), protocol, sent: [] });
    sockets.push(this);
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {}
  says(...frames) {
    for (const frame of frames) this.onmessage({ data: JSON.stringify(frame) });
  }
  drops(code, reason = '') {
    this.onclose({ code, reason });
  }
};

beforeEach(fresh);

function fresh() {
  sockets = [];
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
}

const hello = { type: 'hello', session: 's', heartbeat_ms: 25000, limits: {} };
const subscribed = (id, observer, epoch = 'e', seq = 0) => ({ type: 'subscribed', id, observer, epoch, seq, primary_key: 'id' });
const snapshot = (observer, items, epoch = 'e', seq = 0) => ({ type: 'snapshot', observer, epoch, seq, position: 'history1a', primary_key: 'id', items, reason: 'subscribe' });
const added = (observer, seq, id, epoch = 'e') => ({ type: 'changes', observer, epoch, seq, position: 'history1b', ops: [{ op: 'added', key: String(id), order: 0, item: { id } }] });
const progress = (position = 'history1b') => ({ type: 'progress', position, whole: true });

const last = () => sockets.at(-1);
const newest = (type) => last().sent.filter((frame) => frame.type === type).at(-1);
const ids = (list) => list.rows.map((row) => row.item.id);

// start returns a client that follows /a, which holds item 1.
function start() {
  const seen = { states: [], batches: [] };
  const live = new Live('/ws/', {
    state: (state) => seen.states.at(-1) !== state && seen.states.push(state),
    batch: (lists) => seen.batches.push([...lists].map((list) => list.url)),
  });
  const a = live.follow('/a');
  last().says(hello, subscribed('1', 'A'), snapshot('A', [{ id: 1 }]));
  return { live, a, seen };
}

for (const vector of JSON.parse(await readFile(new URL('wire/testdata/apply_v2.json', root), 'utf8'))) {
  test(`vector: ${vector.name}`, () => {
    const live = new Live('/ws/', {});
    const list = live.follow('/a');
    const { before, keys, primary_key, frames } = vector;
    last().says(hello, subscribed('1', '0a'), { ...snapshot('0a', before), keys, primary_key }, ...frames);
    assert.deepEqual(list.rows.map((row) => row.item), vector.after);
    assert.deepEqual(list.meta, vector.meta);
    assert.equal(newest('resume').id, undefined, 'it asked again');
  });
}

test('the first frame is a resume, and the subprotocol is version 2', () => {
  start();
  assert.match(last().url, /^ws:\/\/board\.test\/ws\/[0-9a-f]{32}$/);
  assert.equal(last().protocol, 'wakeful.v2+json');
  assert.deepEqual(last().sent, [{ type: 'resume', observers: {} }, { type: 'subscribe', url: '/a', id: '1' }]);
});

test('lists that change together are shown together', () => {
  const { live, seen } = start();
  live.follow('/b');
  last().says(subscribed('2', 'B'), snapshot('B', []));
  seen.batches.length = 0;
  last().says(added('A', 1, 2), added('B', 1, 3));
  assert.deepEqual(seen.batches, []);
  last().says(progress());
  assert.deepEqual(seen.batches, [['/a', '/b']]);
});

test('a change whose progress does not come is shown after a while', () => {
  const { seen } = start();
  seen.batches.length = 0;
  last().says(added('A', 1, 2));
  mock.timers.tick(400);
  assert.deepEqual(seen.batches, [['/a']]);
});

test('a gap, a foreign epoch and ops that do not fit ask again; a diff that came twice does nothing', () => {
  for (const frame of [added('A', 3, 2), added('A', 1, 2, 'other'), { ...added('A', 1, 2), ops: [{ op: 'removed', key: '9' }] }]) {
    const { a } = start();
    last().says(frame);
    assert.deepEqual(newest('resume').observers, { A: { epoch: 'e', seq: 0, url: '/a' } });
    assert.deepEqual(ids(a), [1]);
  }
  const { a } = start();
  last().says(added('A', 1, 2), added('A', 1, 2));
  assert.deepEqual(ids(a), [2, 1]);
  assert.equal(last().sent.length, 2);
});

test('a snapshot older than what is held is ignored', () => {
  const { a } = start();
  last().says(added('A', 1, 2), snapshot('A', [{ id: 1 }]));
  assert.deepEqual(ids(a), [2, 1]);
});

test('a reconnect resumes from what is held, under a new observer too', () => {
  const { a, seen } = start();
  last().says(added('A', 1, 2));
  const { url } = last();
  last().drops(1006);
  mock.timers.tick(20_000);
  assert.equal(sockets.length, 2);
  assert.equal(last().url, url);
  last().says(hello);
  assert.deepEqual(last().sent, [{ type: 'resume', observers: { A: { epoch: 'e', seq: 1, url: '/a' } }, id: '2' }]);
  last().says(subscribed('2', 'A2', 'f'), snapshot('A2', [{ id: 3 }], 'f'), added('A2', 1, 4, 'f'));
  assert.deepEqual(ids(a), [4, 3]);
  assert.deepEqual(seen.states, ['live', 'reconnecting', 'live']);
});

test('a resume that missed nothing is live without a snapshot', () => {
  const { a, seen } = start();
  last().drops(1006);
  mock.timers.tick(20_000);
  last().says(hello, subscribed('2', 'A'));
  assert.deepEqual(ids(a), [1]);
  assert.equal(seen.states.at(-1), 'live');
});

test('a server that restarts says how long to wait', () => {
  start();
  last().drops(1012, 'reconnect after 3200 ms');
  mock.timers.tick(3199);
  assert.equal(sockets.length, 1);
  mock.timers.tick(1);
  assert.equal(sockets.length, 2);
});

test('waits grow, and not all clients come at once', () => {
  start();
  for (const [attempt, slot] of [250, 500, 1000, 2000, 4000, 8000, 8000].entries()) {
    const before = sockets.length;
    last().drops(1006);
    mock.timers.tick(slot / 2 - 1);
    assert.equal(sockets.length, before, `attempt ${attempt} came too soon`);
    mock.timers.tick(slot + 1);
    assert.equal(sockets.length, before + 1, `attempt ${attempt} did not come`);
  }
});

test('a lost or replaced session begins a new one; a refused one ends', () => {
  for (const code of [4409, 4410]) {
    fresh();
    start();
    const { url } = last();
    last().drops(code);
    mock.timers.tick(20_000);
    assert.notEqual(last().url, url);
    last().says(hello);
    assert.deepEqual(last().sent.map((frame) => frame.type), ['resume', 'subscribe']);
  }
  for (const code of [4400, 4401, 4403]) {
    fresh();
    const { seen } = start();
    last().drops(code);
    mock.timers.tick(60_000);
    assert.equal(sockets.length, 1);
    assert.equal(seen.states.at(-1), 'ended');
  }
});

test('a connection on which not even heartbeats come is given up', () => {
  start();
  mock.timers.tick(54_999);
  assert.equal(sockets.length, 1);
  mock.timers.tick(1);
  mock.timers.tick(8_000);
  assert.equal(sockets.length, 2);
});

test('what is closed is asked for again, and says why meanwhile', () => {
  const { a } = start();
  last().says({ type: 'closed', observer: 'A', code: 'view_error', detail: 'no such table' });
  assert.equal(a.error, 'no such table');
  assert.deepEqual(ids(a), [1]);
  mock.timers.tick(3000);
  assert.equal(newest('subscribe').url, '/a');
  last().says(subscribed('2', 'A', 'f'), snapshot('A', [{ id: 5 }], 'f'));
  assert.deepEqual([ids(a), a.error], [[5], '']);
});

test('rows that may not be seen any more are gone', () => {
  const { a } = start();
  last().says({ type: 'closed', observer: 'A', code: 'permission_revoked', detail: '' });
  assert.deepEqual(ids(a), []);
});

test('stale is said, and ended by the next progress', () => {
  const { seen } = start();
  last().says({ type: 'stale', since: '2026-01-01T00:00:00.000Z', reason: 'database' }, progress());
  assert.deepEqual(seen.states, ['live', 'stale', 'live']);
});

test('a list that is left before it was answered is unsubscribed', () => {
  const { live } = start();
  live.leave(live.follow('/b'));
  last().says(subscribed('2', 'B'), snapshot('B', []));
  assert.deepEqual(newest('unsubscribe'), { type: 'unsubscribe', observer: 'B' });
});

test('a list that is left and followed again before it was answered stays subscribed', () => {
  const { live } = start();
  live.leave(live.follow('/b'));
  const b = live.follow('/b');
  last().says(subscribed('2', 'B'), snapshot('B', []), subscribed('3', 'B'), snapshot('B', []), added('B', 1, 7));
  assert.equal(newest('unsubscribe'), undefined);
  assert.deepEqual(ids(b), [7]);
});

test('reached waits for a position of the same history', async () => {
  const { live } = start();
  last().says(progress('history1b'));
  let done = false;
  const waiting = live.reached('history1c').then(() => (done = true));
  await Promise.resolve();
  assert.equal(done, false);
  last().says(progress('history1d'));
  await waiting;
  await live.reached('history2a'); // another history: nothing to wait for
});
