// A client and a simulated server through any history of writes, cuts, restarts
// and faults, judged after every step against what the server held at each commit.
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import type { LiveList } from '../src/api.js';
import { Connected } from '../src/client.js';
import type { Item } from '../src/decode.js';
import { canonical, Clock, envOf, Server, settle, type Connection } from './sim.js';

export const paths = ['/a', '/b?x=1', '/c', '/c?twin=1'];

export type Command =
	| { do: 'write'; lists: number[]; rows: { id: number; n: number }[][] }
	| { do: 'flush' | 'take' | 'cut' | 'forgetSessions' | 'forgetLogs' | 'double' | 'lose' | 'stale' | 'awake' | 'doubt' | 'up' | 'down' | 'block' | 'catchUp' | 'overtake' | 'sever' }
	| { do: 'deliver'; n: number }
	| { do: 'answer'; at: number }
	| { do: 'close'; code: number }
	| { do: 'restart'; history: boolean }
	| { do: 'garble'; how: number }
	| { do: 'pass'; ms: number }
	| { do: 'subscribe' | 'unsubscribe' | 'behind' | 'allow'; list: number }
	| { do: 'refuse'; list: number; code: string }
	| { do: 'end'; list: number; code: string }
	| { do: 'burst'; list: number; rows: { id: number; n: number }[][]; what: 'lose' | 'double' | 'garble' | 'behind' };

const table = fc.nat(2);
const list = fc.nat(paths.length - 1);
const rows = fc.uniqueArray(fc.record({ id: fc.integer({ min: 1, max: 7 }), n: fc.nat(3) }), { selector: ({ id }) => id, maxLength: 6 });
const one = (...names: Command['do'][]): fc.Arbitrary<Command> => fc.constantFrom(...names).map((name) => ({ do: name }) as Command);

/** Most of what happens is that writes arrive. */
export const commands = fc.array(
	fc.oneof(
		{ weight: 8, arbitrary: fc.record({ do: fc.constant('write' as const), lists: fc.uniqueArray(table, { minLength: 1 }), rows: fc.array(rows, { minLength: 3, maxLength: 3 }) }) },
		{ weight: 6, arbitrary: one('flush') },
		{ weight: 8, arbitrary: fc.record({ do: fc.constant('deliver' as const), n: fc.integer({ min: 1, max: 6 }) }) },
		{ weight: 8, arbitrary: one('take') },
		{ weight: 4, arbitrary: fc.record({ do: fc.constant('answer' as const), at: fc.nat(2) }) },
		{ weight: 4, arbitrary: fc.record({ do: fc.constant('subscribe' as const), list }) },
		{
			weight: 2,
			arbitrary: fc.record({
				do: fc.constant('burst' as const), list: table, rows: fc.array(rows, { minLength: 2, maxLength: 3 }),
				what: fc.constantFrom('lose' as const, 'double' as const, 'garble' as const, 'behind' as const),
			}),
		},
		{ weight: 2, arbitrary: fc.record({ do: fc.constantFrom('unsubscribe' as const, 'unsubscribe' as const, 'behind' as const, 'allow' as const), list }) },
		{ weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 60, 400, 2500, 40_000) }) },
		{ weight: 2, arbitrary: one('double', 'lose', 'catchUp', 'overtake') },
		{ weight: 1, arbitrary: fc.record({ do: fc.constant('garble' as const), how: fc.nat(5) }) },
		{ weight: 2, arbitrary: one('cut', 'forgetSessions', 'forgetLogs', 'stale', 'awake', 'doubt', 'up', 'down', 'block', 'sever') },
		{ weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), code: fc.constantFrom(1001, 1012, 4400, 4408, 4409, 4410, 4429) }) },
		{ weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), history: fc.boolean() }) },
		{ weight: 1, arbitrary: fc.record({ do: fc.constant('refuse' as const), list, code: fc.constantFrom('view_error', 'too_slow', 'permission_revoked') }) },
		{ weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const), list, code: fc.constantFrom('scope_changed', 'cleared', 'unknown_observer', 'view_error', 'shutdown') }) },
	),
	{ minLength: 10, maxLength: 60 },
);

const c = 2;
const twin = 3;
const heard: Command[] = [{ do: 'take' }, { do: 'deliver', n: 6 }, { do: 'answer', at: 0 }, { do: 'answer', at: 0 }, { do: 'flush' }, { do: 'deliver', n: 6 }];
const write: Command = { do: 'write', lists: [c], rows: [[], [], [{ id: 1, n: 1 }]] };

/**
 * Histories that a search seldom comes to: a list is left while its twin, or
 * itself, is asked for; patience ends while a list lacks something; what comes
 * before two GETs of one observer are answered.
 */
export const known: [history: Command[], seed: number][] = [
	[{ do: 'subscribe', list: twin } as const, { do: 'unsubscribe', list: c } as const, { do: 'pass', ms: 400 } as const],
	[{ do: 'unsubscribe', list: c } as const, { do: 'pass', ms: 400 } as const, { do: 'subscribe', list: c } as const, { do: 'overtake' } as const],
	[{ do: 'unsubscribe', list: c } as const, { do: 'pass', ms: 400 } as const, { do: 'sever' } as const, { do: 'subscribe', list: c } as const, { do: 'answer', at: 0 } as const],
].map((between): [Command[], number] => [[...heard, { do: 'subscribe', list: c }, ...heard, ...between, ...heard, write, ...heard], 1]);
known.push(
	[[
		{ do: 'take' }, { do: 'burst', list: 0, rows: [[], []], what: 'lose' }, { do: 'take' }, { do: 'burst', list: 0, rows: [[{ id: 1, n: 0 }], []], what: 'lose' },
		{ do: 'write', lists: [0], rows: [[{ id: 1, n: 0 }], [], []] }, { do: 'take' }, { do: 'burst', list: 1, rows: [[], []], what: 'behind' }, { do: 'pass', ms: 400 },
	], 0],
	[[{ do: 'subscribe', list: twin }, { do: 'take' }, { do: 'deliver', n: 6 }, { do: 'subscribe', list: c }, { do: 'take' }, write, { do: 'flush' }, { do: 'deliver', n: 1 }], 0],
);

interface Followed {
	path: string;
	list: LiveList<Item>;
	leave: () => void;
}

export class World {
	readonly clock = new Clock();
	readonly server = new Server();
	readonly client: Connected;
	readonly followed = new Map<string, Followed>();
	/** The commit of the newest progress that has reached the client, and whom it leaves out. */
	told = 0;
	behind = new Set<string>();
	/** A change has waited longer than the client waits for its progress. */
	late = false;
	#seen: { connection: Connection; text: string }[] = [];
	faults: string[] = [];
	/** The connection on which the server has said how things are. */
	#proven: Connection | undefined;
	/** Something was lost or garbled: the client may have to heal. */
	harmed = false;
	#env;

	constructor(readonly transport: 'websocket' | 'events' | 'auto', random: () => number) {
		this.#env = envOf(this.clock, random);
		this.client = new Connected({ base: 'http://sim', transport, fetch: this.server.fetch, WebSocket: this.server.socket(), lingerMs: 100, onHealed: (error) => this.#healed(error.message) }, this.#env);
	}

	#healed(why: string): void {
		// Over a WebSocket nothing comes late: what was sent in order fits.
		if (this.transport == 'websocket' && !this.harmed) this.fault(`healed without need: ${why}`);
	}

	fault(what: string): void {
		this.faults.push(what);
	}

	subscribe(path: string): void {
		if (this.followed.has(path)) return;
		const list = this.client.live<Item>(path);
		this.followed.set(path, { path, list, leave: list.subscribe(() => this.together()) });
	}

	/** Whether a list is what the server held at a commit. */
	#is({ path, list }: Followed, commit: number): boolean {
		return isDeepStrictEqual(list.get().items, this.server.rows(path, commit));
	}

	#live(): Followed[] {
		return [...this.followed.values()].filter(({ path, list }) => list.get().status == 'live' && !this.#paced(canonical(path), list.get().position));
	}

	/** Whether the server has said of a list that it is behind, and the list has not shown since that it is not. */
	#paced(path: string, position: string): boolean {
		return this.server.behind.has(path) || (this.behind.has(path) && !(this.told && position >= this.server.position(this.told)));
	}

	/** Whoever is called back sees all lists at one commit. */
	together(): void {
		if (this.late) return;
		const live = this.#live();
		for (let commit = this.server.commit; commit >= 0; commit--) if (live.every((one) => this.#is(one, commit))) return;
		this.fault(`lists are not of one commit: ${JSON.stringify(live.map(({ path, list }) => [path, list.get().items]))}`);
	}

	/** A list that is said to be live is what the server held at the last progress, or later; no order but the server's. */
	judge(): void {
		if (!this.#proven || !this.server.connections.includes(this.#proven)) {
			for (const { path, list } of this.followed.values()) if (list.get().status == 'live') this.fault(`${path} is live, and nobody has said so`);
		}
		const { requests } = this.server;
		for (const { url, init } of requests) {
			if (init.method == 'POST' && requests.some((other) => other.url.searchParams.get('observe') == url.searchParams.get('subscriber'))) {
				this.fault('an unsubscribe and a GET of one session are under way, and may overtake each other');
			}
		}
		for (const one of this.#live()) {
			let commit = this.server.commit;
			while (commit >= this.told && !this.#is(one, commit)) commit--;
			if (commit < this.told) {
				this.fault(`${one.path} is live after progress ${this.told} with ${JSON.stringify(one.list.get().items)}, of ${JSON.stringify(this.server.rows(one.path, this.told))}`);
			}
		}
		for (const { path, list } of this.followed.values()) {
			const { items, keys, status, error } = list.get();
			if (!isDeepStrictEqual(items.map(({ id }) => String(id)), keys)) this.fault(`${path}: keys ${keys.join()} are not those of its items`);
			if ((status == 'error') != (error !== undefined) && status != 'offline') this.fault(`${path}: status ${status} with ${String(error)}`);
		}
	}

	/** An answer arrives; over events that says how things are, too. */
	answer(at = 0): void {
		this.server.answer(at);
		this.#proven = this.server.connections[0];
	}

	async deliver(connection: Connection): Promise<boolean> {
		if (connection.closed || !connection.opened) return false;
		const frame = connection.down.shift();
		if (!frame) return false;
		const { type, position, behind = [] } = JSON.parse(frame.text) as { type: string; position: string; behind?: string[] };
		if (type == 'progress') {
			this.told = Number(position.slice(8));
			this.behind = new Set(paths.map(canonical).filter((path) => behind.some((id) => id.startsWith(`observer-${path}-`))));
			this.late = false;
		}
		if (type != 'hello' && type != 'subscribed') this.#proven = connection;
		if (type == 'changes') this.#seen.push({ connection, text: frame.text });
		connection.deliver(frame);
		await settle();
		this.judge();
		return true;
	}

	async run(command: Command): Promise<void> {
		const { server } = this;
		const [connection] = server.connections;
		switch (command.do) {
			case 'write':
				server.write(Object.fromEntries(command.lists.map((i) => [paths[i]!, command.rows[i]!.map((row) => ({ ...row }))])));
				break;
			case 'burst': {
				// Some diffs of one list in a row, and something about them.
				const { list, what } = command;
				if (what == 'behind') await this.run({ do: 'behind', list });
				for (const rows of command.rows) await this.run({ do: 'write', lists: [list], rows: [rows, rows, rows] });
				if (what == 'behind') await this.run({ do: 'catchUp' });
				await this.run({ do: 'flush' });
				if (what == 'lose') await this.run({ do: 'lose' });
				if (what == 'garble') await this.run({ do: 'garble', how: command.rows.length });
				await this.run({ do: 'deliver', n: 6 });
				if (what == 'double') await this.run({ do: 'double' });
				break;
			}
			case 'deliver':
				for (let i = 0; i < command.n; i++) for (const each of [...server.connections]) await this.deliver(each);
				break;
			case 'flush':
				server.flush();
				break;
			case 'take':
				server.take();
				break;
			case 'answer':
				this.answer(command.at);
				break;
			case 'cut':
				if (connection) server.cut(connection);
				break;
			case 'close':
				if (connection) server.close(connection, command.code, command.code == 1012 ? 'reconnect after 700 ms' : 'why');
				break;
			case 'restart':
				server.restart(command.history);
				this.told = 0;
				this.behind.clear();
				break;
			case 'forgetSessions':
				server.forgetSessions();
				break;
			case 'forgetLogs':
				server.forgetLogs();
				break;
			case 'double': {
				const again = this.#seen.filter((one) => one.connection == connection).at(-1);
				if (again) connection!.down.unshift({ text: again.text });
				break;
			}
			case 'lose':
				if (connection && lose(connection)) this.harmed = true;
				break;
			case 'garble':
				if (connection && garble(connection, command.how)) this.harmed = true;
				break;
			case 'pass':
				if (command.ms >= 300) this.late = true;
				await this.clock.pass(command.ms, settle);
				break;
			case 'subscribe':
				this.subscribe(paths[command.list]!);
				break;
			case 'unsubscribe': {
				const path = paths[command.list]!;
				this.followed.get(path)?.leave();
				this.followed.delete(path);
				break;
			}
			case 'behind':
				if (!server.behind.delete(canonical(paths[command.list]!))) server.behind.add(canonical(paths[command.list]!));
				break;
			case 'refuse':
				server.refusals.set(canonical(paths[command.list]!), { status: command.code == 'permission_revoked' ? 403 : 500, code: command.code });
				break;
			case 'allow':
				server.refusals.delete(canonical(paths[command.list]!));
				break;
			case 'end':
				this.#end(paths[command.list]!, command.code);
				break;
			case 'stale':
				if (connection?.started) server.say(connection, { type: 'stale', since: '2026-11-23T08:15:30.250Z', reason: 'the worker is silent' });
				break;
			case 'awake':
			case 'doubt':
				this.#env.tell(command.do);
				break;
			case 'catchUp': {
				const { commit } = server;
				const lists = [...this.followed.values()];
				this.client.caughtUp(server.position(commit)).then(
					() => {
						for (const one of lists) {
							if (!['live', 'stale', 'offline'].includes(one.list.get().status) || this.followed.get(one.path) != one) continue;
							let at = server.commit;
							while (at >= commit && !this.#is(one, at)) at--;
							if (at < commit) this.fault(`caught up with ${commit}, and ${one.path} is ${JSON.stringify(one.list.get().items)}`);
						}
					},
					() => {},
				);
				break;
			}
			case 'up':
				server.down = server.blocked = false;
				break;
			case 'down':
				server.down = true;
				break;
			case 'block':
				server.blocked = true;
				break;
			case 'overtake':
				server.requests.reverse();
				break;
			case 'sever':
				server.sever();
		}
		await settle();
		this.judge();
	}

	#end(path: string, code: string): void {
		const observer = this.server.observer(path);
		if (!observer) return;
		for (const session of this.server.sessions.values()) {
			if (!session.subs.delete(observer.id)) continue;
			if (session.connection?.started) this.server.say(session.connection, { type: 'closed', observer: observer.id, code, detail: '' });
		}
	}

	/** Everything is well again: all lists become live and true. */
	async heal(): Promise<void> {
		const { server } = this;
		server.down = server.blocked = false;
		server.behind.clear();
		server.refusals.clear();
		for (let i = 0; i < 120; i++) {
			server.take();
			await settle();
			server.flush();
			while (server.requests.length) {
				this.answer();
				await settle();
			}
			for (const connection of [...server.connections]) while (await this.deliver(connection));
			await settle();
			server.take();
			const left = [...this.followed.values()].filter((one) => one.list.get().status != 'live' || !this.#is(one, server.commit));
			if (!left.length) return;
			// What was refused for good is asked for again when the app says so.
			if (left.some(({ list }) => list.get().error?.retry === false)) await this.client.authenticate();
			this.late = true;
			await this.clock.pass(1000, settle);
		}
		for (const { path, list } of this.followed.values()) {
			this.fault(`${path} ends ${list.get().status} (${list.get().error?.message}) with ${JSON.stringify(list.get().items)}, of ${JSON.stringify(server.rows(path))}`);
		}
	}
}

/** Loses a diff that another follows before any progress: else nobody could know. */
function lose({ down }: Connection): boolean {
	const frames = down.map(({ text }) => JSON.parse(text) as { type: string; observer?: string });
	for (const [at, { type, observer }] of frames.entries()) {
		if (type != 'changes') continue;
		const next = frames.findIndex((other, i) => i > at && (other.type == 'progress' || (other.type == 'changes' && other.observer == observer)));
		if (next > at && frames[next]!.type == 'changes') {
			down.splice(at, 1);
			return true;
		}
	}
	return false;
}

const misfits: object[][] = [
	[{ op: 'rotated', key: '1' }],
	[{ op: 'removed', key: 'nobody' }],
	[{ op: 'added', key: 'x', order: 99, item: { id: 'x' } }],
	[{ op: 'changed', key: 'nobody', set: { n: 1 } }],
	[{ op: 'added', key: 'x', order: 0 }],
	[{ op: 'meta', meta: null }, { op: 'removed' }],
];

/** Makes the first diff on its way one that fits no list. */
function garble({ down }: Connection, how: number): boolean {
	const frame = down.find(({ text }) => text.startsWith('{"type":"changes"'));
	if (frame) frame.text = JSON.stringify({ ...(JSON.parse(frame.text) as object), ops: misfits[how] });
	return frame != undefined;
}

/** Runs a history; what is returned is what went wrong. */
export async function play(transport: 'websocket' | 'events' | 'auto', history: readonly Command[], seed: number): Promise<string[]> {
	let state = seed;
	const random = (): number => ((state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31);
	const world = new World(transport, random);
	world.subscribe(paths[0]!);
	await settle();
	for (const command of history) {
		await world.run(command);
		if (world.faults.length) break;
	}
	if (!world.faults.length) await world.heal();
	world.client.close();
	await settle();
	return world.faults.slice(0, 3);
}
