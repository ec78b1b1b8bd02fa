// What one change costs in a page: parse, apply and notify, in lists of 100 and of
// 10,000 rows, beside its floor from the same run: JSON.parse of the same text and
// one slice of an array as long. Ends with 1 where a bar is missed.
import { Connected, world } from '../dist/client.js';

const LEAST = 100; // rows
const MOST = 10_000;
const run = process.argv[process.argv.indexOf('-run') + 1];
if (process.argv.includes('-run') && !new RegExp(run).test('@wakeful/client: one change in 10000 rows')) process.exit(0);
const quick = process.argv.includes('-quick');
const rounds = quick ? 5 : 25;
const changes = 400; // in each round

const rows = (n) => Array.from({ length: n }, (_, i) => ({ id: i, title: `Ticket ${i}`, status: 'open', votes: i % 7, author: { id: i % 50, name: `Person ${i % 50}` } }));
const position = (n) => `BENCH000${String(n).padStart(16, '0')}`;

/** A client that follows one list, over a socket that says what it is told to. */
function follow(n) {
	let socket;
	class Socket {
		protocol = 'wakeful.v2+json';
		constructor() {
			socket = this;
		}
		send(text) {
			const { type, id } = JSON.parse(text);
			if (type == 'subscribe') queueMicrotask(() => this.answer(id));
		}
		answer(id) {
			say({ type: 'subscribed', id, observer: 'o', epoch: 'e', seq: 0, primary_key: 'id' });
			say({ type: 'snapshot', observer: 'o', epoch: 'e', seq: 0, position: position(0), primary_key: 'id', items: rows(n), reason: 'subscribe' });
			say({ type: 'progress', position: position(0), whole: true });
		}
		close() {}
	}
	const hear = (text) => socket.onmessage({ data: text });
	const say = (frame) => hear(JSON.stringify(frame));
	const client = new Connected({ base: 'http://localhost', transport: 'websocket', WebSocket: Socket }, { ...world, after: () => () => {} });
	const list = client.live('/api/tickets');
	let told = 0;
	list.subscribe(() => told++);
	return { list, hear, say, open: () => socket.onopen(), told: () => told, seq: 0 };
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Texts of changes to come, each with the progress behind it. */
function texts(page, n, count) {
	return Array.from({ length: count }, () => {
		const seq = ++page.seq;
		const at = (seq * 7919) % n;
		const ops = [{ op: 'changed', key: String(at), set: { votes: seq, title: `Ticket ${at}, changed ${seq} times` } }];
		return [
			JSON.stringify({ type: 'changes', observer: 'o', epoch: 'e', seq, position: position(seq), ops }),
			JSON.stringify({ type: 'progress', position: position(seq), whole: true }),
		];
	});
}

// In µs, for each change: time of one is near the clock's grain, so the median is of rounds.
function timed(all, what) {
	const began = performance.now();
	for (const one of all) what(one);
	return ((performance.now() - began) * 1000) / all.length;
}

async function prepare(n) {
	const page = follow(n);
	await new Promise(setImmediate);
	page.open();
	page.say({ type: 'hello', heartbeat_ms: 25_000, limits: {} });
	await new Promise(setImmediate);
	if (page.list.get().status != 'live' || page.list.get().items.length != n) throw new Error(`the list is not live: ${JSON.stringify(page.list.get()).slice(0, 200)}`);
	return page;
}

const sizes = [LEAST, MOST];
const pages = new Map();
for (const n of sizes) pages.set(n, await prepare(n));
const figures = new Map(sizes.map((n) => [n, { client: [], floor: [], slice: [] }]));
let kept = 0;
for (let round = -5; round < rounds; round++) {
	for (const n of sizes) {
		const page = pages.get(n);
		const all = texts(page, n, changes);
		const array = page.list.get().items;
		const before = page.told();
		const slice = timed(all, () => (kept += array.slice().length));
		const floor = timed(all, ([change, progress]) => (kept += JSON.parse(change).seq + JSON.parse(progress).position.length + array.slice().length));
		const client = timed(all, ([change, progress]) => {
			page.hear(change);
			page.hear(progress);
		});
		if (page.told() - before != changes) throw new Error(`${page.told() - before} notifications of ${changes} changes`);
		if (round < 0) continue; // warming up
		const to = figures.get(n);
		to.client.push(client);
		to.floor.push(floor);
		to.slice.push(slice);
	}
}
if (!kept) throw new Error('nothing was measured');

const of = (n, what) => median(figures.get(n)[what]);
let missed = false;
function line(name, figure, floor, unit, how, met) {
	missed ||= !met;
	console.log(`${met ? 'ok    ' : 'MISSED'}  ${name.padEnd(60)} ${figure.toFixed(2).padStart(8)} ${unit}  floor ${floor.toFixed(2).padStart(8)} ${unit}  ${how}`);
}
for (const n of sizes) {
	const [figure, floor] = [of(n, 'client'), of(n, 'floor')];
	line(`@wakeful/client: one change in ${n} rows`, figure, floor, 'µs', `${(figure / floor).toFixed(2)} × (≤ 100 µs)`, figure <= 100);
}
// Apart from the copy: of neighbouring measurements, so that what else the machine does meets both.
const apart = figures.get(MOST).client.map((_, i) => {
	const [few, many] = sizes.map((n) => figures.get(n).client[i] - figures.get(n).slice[i]);
	return many / few;
});
const ratio = median(apart);
line('@wakeful/client: 10,000 rows beside 100, without the copy', of(MOST, 'client') - of(MOST, 'slice'), of(LEAST, 'client') - of(LEAST, 'slice'), 'µs', `${ratio.toFixed(2)} × (≤ 1.50)`, ratio <= 1.5);
process.exit(missed ? 1 : 0);
