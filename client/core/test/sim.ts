// A server that speaks docs/protocol.md in memory, a network that delivers when
// told to, and a clock that stands still: so that a test decides what happens
// when, and can cut, double, lose and garble.
import type { Env } from '../src/client.js';
import type { Item } from '../src/decode.js';

export type Rows = readonly Item[];

/** Whose observer a path has: twins are one request to the server. */
export const canonical = (path: string): string => path.replace(/[?&]twin=1$/, '');

/** A clock with timers. */
export class Clock {
	now = 1_000_000;
	#timers = new Set<{ at: number; what: () => void }>();

	after(ms: number, what: () => void): () => void {
		const timer = { at: this.now + Math.max(0, ms), what };
		this.#timers.add(timer);
		return () => this.#timers.delete(timer);
	}

	/** Lets time pass; settle is awaited after each timer. */
	async pass(ms: number, settle: () => Promise<void>): Promise<void> {
		const end = this.now + ms;
		for (;;) {
			const [next] = [...this.#timers].sort((a, b) => a.at - b.at);
			if (!next || next.at > end) break;
			this.now = Math.max(this.now, next.at);
			this.#timers.delete(next);
			next.what();
			await settle();
		}
		this.now = end;
	}

	get waiting(): number {
		return this.#timers.size;
	}
}

export function envOf(clock: Clock, random: () => number): Env & { tell: (type: 'awake' | 'doubt') => void } {
	let ids = 0;
	const env: Env & { tell: (type: 'awake' | 'doubt') => void } = {
		now: () => clock.now,
		random,
		after: (ms, what) => clock.after(ms, what),
		id: () => `session${++ids}`,
		listen: (tell) => ((env.tell = tell), () => {}),
		tell: () => {},
	};
	return env;
}

/** Waits until all that promises and streams have to do is done. */
export async function settle(): Promise<void> {
	for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

interface Diff {
	seq: number;
	at: number;
	ops: object[];
}

interface Observer {
	id: string;
	path: string;
	epoch: string;
	seq: number;
	items: Rows;
	/** Diffs kept for who resumes. */
	log: Diff[];
}

interface Sub {
	observer: Observer;
	/** How far it was sent. */
	epoch: string;
	seq: number;
	/** Where its GET left off, for streams that begin anew. */
	from: number;
}

interface Session {
	id: string;
	subs: Map<string, Sub>;
	connection: Connection | undefined;
	/** The commit of the newest progress, by the id of its event. */
	told: Map<string, { commit: number; seqs: Map<string, number> }>;
}

/** One connection between a client and the server. */
export interface Connection {
	readonly transport: 'websocket' | 'events';
	readonly url: URL;
	session: Session | undefined;
	started: boolean;
	/** Frames on their way, and how to hand one over. */
	down: { text: string; id?: string }[];
	up: string[];
	deliver(frame: { text: string; id?: string }): void;
	end(code: number, reason: string): void;
	open(): void;
	closed: boolean;
	opened: boolean;
	lastID: string;
}

/** The ops that make b of a, as few as need be known here: removals, then each place in turn. */
export function between(a: Rows, b: Rows): object[] {
	const ops: object[] = [];
	const key = (item: Item): string => String(item['id']);
	const list = [...a];
	for (const item of a) {
		if (b.some((other) => key(other) == key(item))) continue;
		ops.push({ op: 'removed', key: key(item) });
		list.splice(list.findIndex((other) => key(other) == key(item)), 1);
	}
	b.forEach((item, order) => {
		const at = list.findIndex((other) => key(other) == key(item));
		if (at < 0) {
			ops.push({ op: 'added', key: key(item), order, item });
			list.splice(order, 0, item);
			return;
		}
		const old = list[at]!;
		const set = Object.fromEntries(Object.entries(item).filter(([name, value]) => old[name] !== value));
		const unset = Object.keys(old).filter((name) => !(name in item));
		if (at == order && !Object.keys(set).length && !unset.length) return;
		list.splice(at, 1);
		list.splice(order, 0, item);
		ops.push({
			op: 'changed', key: key(item),
			...(Object.keys(set).length && { set }), ...(unset.length && { unset }), ...(at != order && { order }),
		});
	});
	return ops;
}

export class Server {
	/** The whole database after each commit: lists by path. */
	readonly commits: Map<string, Rows>[] = [new Map()];
	sessions = new Map<string, Session>();
	connections: Connection[] = [];
	/** Requests that are not answered yet. */
	requests: { url: URL; init: RequestInit; answer: (response: Response) => void; fail: (error: Error) => void; made?: Response }[] = [];
	/** Requests that nobody waits for any more, and that are carried out when they arrive. */
	late: { url: URL; init: RequestInit }[] = [];
	#observers = new Map<string, Observer>();
	#epochs = 0;
	generation = 1;
	/** Nobody can reach the server. */
	down = false;
	/** WebSockets do not get through. */
	blocked = false;
	behind = new Set<string>();
	/** What a GET of a path is answered with in place of a list. */
	refusals = new Map<string, { status: number; code: string }>();

	position(commit: number): string {
		return `HIST${String(this.generation).padStart(4, '0')}${String(commit).padStart(8, '0')}`;
	}

	get commit(): number {
		return this.commits.length - 1;
	}

	rows(path: string, commit = this.commit): Rows {
		return this.commits[commit]!.get(canonical(path)) ?? [];
	}

	/** Commits: new rows for some lists. */
	write(rows: Record<string, Rows>): void {
		this.commits.push(new Map([...this.commits.at(-1)!, ...Object.entries(rows)]));
		for (const observer of this.#observers.values()) {
			const ops = between(observer.items, this.rows(observer.path));
			if (!ops.length) continue;
			observer.items = this.rows(observer.path);
			observer.log.push({ seq: ++observer.seq, at: this.commit, ops });
		}
	}

	/** Sends the session of each connection what it lacks, and how far that is. */
	flush(): void {
		for (const connection of this.connections) this.#fill(connection);
	}

	#fill(connection: Connection, progress = true): void {
		const { session } = connection;
		if (!session || !connection.started || connection.closed) return;
		for (const sub of session.subs.values()) if (!this.behind.has(sub.observer.path)) this.#stream(connection, sub);
		if (!progress) return;
		const behind = [...session.subs.values()].filter(({ observer }) => this.behind.has(observer.path)).map(({ observer }) => observer.id);
		const id = behind.length ? undefined : `e${this.commit}`;
		if (id) session.told.set(id, { commit: this.commit, seqs: new Map([...session.subs].map(([of, { seq }]) => [of, seq])) });
		this.say(connection, { type: 'progress', position: this.position(this.commit), whole: !behind.length, ...(behind.length && { behind }) }, id);
	}

	#stream(connection: Connection, sub: Sub): void {
		const { observer } = sub;
		const missed = observer.log.filter(({ seq }) => seq > sub.seq);
		if (sub.epoch != observer.epoch || missed.length != observer.seq - sub.seq) this.say(connection, this.snapshot(observer, 'resume_gap'));
		else {
			for (const { seq, at, ops } of missed) {
				this.say(connection, { type: 'changes', observer: observer.id, epoch: observer.epoch, seq, position: this.position(at), ops });
			}
		}
		[sub.epoch, sub.seq] = [observer.epoch, observer.seq];
	}

	snapshot(observer: Observer, reason: string): object {
		return { type: 'snapshot', ...this.#whole(observer), reason };
	}

	#whole(observer: Observer): object {
		const { id, epoch, seq, items } = observer;
		return { observer: id, epoch, seq, position: this.position(this.commit), primary_key: 'id', items };
	}

	say(connection: Connection, frame: object, id?: string): void {
		connection.down.push({ text: JSON.stringify(frame), ...(id && { id }) });
	}

	#observe(url: string): Observer {
		const path = canonical(url);
		let observer = this.#observers.get(path);
		if (!observer) {
			const epoch = `epoch${++this.#epochs}`;
			observer = { id: `observer-${path}-${this.generation}`, path, epoch, seq: 0, items: this.rows(path), log: [] };
			this.#observers.set(path, observer);
		}
		return observer;
	}

	observer(path: string): Observer | undefined {
		return this.#observers.get(canonical(path));
	}

	session(id: string): Session {
		let session = this.sessions.get(id);
		if (!session) this.sessions.set(id, (session = { id, subs: new Map(), connection: undefined, told: new Map() }));
		return session;
	}

	// ---- what can befall it

	/** All that is only in memory is gone; history is another's where that is said. */
	restart(history: boolean): void {
		for (const connection of [...this.connections]) this.cut(connection);
		for (const { fail } of this.requests.splice(0)) fail(new Error('connection reset'));
		this.late = [];
		this.sessions.clear();
		this.#observers.clear();
		if (history) this.generation++;
	}

	forgetSessions(): void {
		for (const connection of [...this.connections]) {
			if (connection.transport == 'websocket') this.close(connection, 4410, 'the session is gone');
			else this.cut(connection);
		}
		this.sessions.clear();
	}

	/** The logs are too long ago: who resumes gets a snapshot. */
	forgetLogs(): void {
		for (const observer of this.#observers.values()) observer.log = [];
	}

	cut(connection: Connection): void {
		connection.down = connection.up = [];
		this.close(connection, 1006, '');
	}

	close(connection: Connection, code: number, reason: string): void {
		this.connections = this.connections.filter((other) => other != connection);
		if (connection.session?.connection == connection) connection.session.connection = undefined;
		connection.started = false;
		if (!connection.closed) connection.end(code, reason);
		connection.closed = true;
	}

	// ---- what clients ask

	/** Takes what is on its way from the clients, and answers. */
	take(): void {
		for (const connection of [...this.connections]) {
			if (connection.opened || connection.closed) continue;
			if (this.down || (this.blocked && connection.transport == 'websocket')) {
				this.cut(connection);
				continue;
			}
			connection.opened = true;
			connection.open();
			this.#admit(connection);
		}
		for (const { url, init } of this.late.splice(0)) this.#respond(url, init);
		// The answer of a request goes its own way: frames may overtake it.
		if (!this.down) for (const request of this.requests) request.made ??= this.#respond(request.url, request.init);
		for (const connection of [...this.connections]) {
			for (const text of connection.up.splice(0)) this.#message(connection, JSON.parse(text) as Record<string, unknown>);
		}
	}

	#admit(connection: Connection): void {
		const session = this.session(connection.url.pathname.split('/').at(-1)!);
		if (session.connection) this.close(session.connection, 4409, 'another socket took over');
		session.connection = connection;
		connection.session = session;
		const hello = { type: 'hello', session: session.id, heartbeat_ms: 15_000, limits: { frame_bytes: 2000 } };
		if (connection.transport == 'websocket') return this.say(connection, hello);
		const told = session.told.get(connection.lastID);
		for (const [id, sub] of session.subs) sub.seq = told?.seqs.get(id) ?? sub.from;
		connection.started = true;
		this.say(connection, { ...hello, observers: [...session.subs.keys()] });
		this.#fill(connection);
	}

	#message(connection: Connection, message: Record<string, unknown>): void {
		const session = connection.session!;
		switch (message['type']) {
			case 'ping':
				this.#fill(connection);
				return this.say(connection, { type: 'pong', id: message['id'] });
			case 'resume':
				connection.started = true;
				for (const [id, held] of Object.entries(message['observers'] as Record<string, { epoch: string; seq: number; url: string }>)) {
					this.#follow(connection, session, held.url, message['id'], held, id);
				}
				return;
			case 'subscribe':
				return this.#follow(connection, session, message['url'] as string, message['id'], undefined, '');
			case 'unsubscribe':
				session.subs.delete(message['observer'] as string);
		}
	}

	#follow(connection: Connection, session: Session, url: string, call: unknown, held: { epoch: string; seq: number } | undefined, known: string): void {
		const refused = this.refusals.get(canonical(url));
		if (refused) {
			if (held) return this.say(connection, { type: 'closed', observer: known, code: refused.code, detail: '' });
			return this.say(connection, { type: 'error', id: call, code: refused.code, detail: 'refused' });
		}
		const observer = this.#observe(url);
		const fits = held?.epoch == observer.epoch && observer.log.filter(({ seq }) => seq > held.seq).length == observer.seq - held.seq;
		const sub: Sub = { observer, epoch: observer.epoch, seq: fits ? held.seq : observer.seq, from: fits ? held.seq : observer.seq };
		session.subs.set(observer.id, sub);
		this.say(connection, {
			type: 'subscribed', id: call, observer: observer.id, epoch: observer.epoch, seq: sub.seq, primary_key: 'id',
			...(known && known != observer.id && { replaces: known }),
		});
		if (!fits) this.say(connection, this.snapshot(observer, held ? 'epoch' : 'subscribe'));
		else this.#stream(connection, sub);
	}

	/** Has the oldest answer arrive, or the one at a place. */
	answer(at = 0): void {
		const [request] = this.requests.splice(at, 1);
		if (!request) return;
		if (this.down) return request.fail(new Error('no route to host'));
		request.answer(request.made ?? this.#respond(request.url, request.init));
	}

	/** The connection of the oldest request breaks; it arrives nevertheless, some time. */
	sever(): void {
		const request = this.requests.shift();
		if (!request) return;
		if (!request.made) this.late.push(request);
		request.fail(new Error('connection reset'));
	}

	#respond(asked: URL, init: RequestInit): Response {
		const url = new URL(asked);
		if (init.method == 'POST') {
			const session = this.sessions.get(url.searchParams.get('subscriber')!);
			session?.subs.delete(url.searchParams.get('observer')!);
			return new Response('{}', { headers: { 'content-type': 'application/json' } });
		}
		const id = url.searchParams.get('observe')!;
		url.searchParams.delete('observe');
		const path = url.pathname + url.search;
		const refused = this.refusals.get(canonical(path));
		if (refused) {
			const { status, code } = refused;
			return new Response(JSON.stringify({ status, code, title: code }), { status, headers: { 'content-type': 'application/problem+json' } });
		}
		const observer = this.#observe(path);
		const session = this.session(id);
		if (!session.subs.has(observer.id)) {
			session.subs.set(observer.id, { observer, epoch: observer.epoch, seq: observer.seq, from: observer.seq });
		}
		return new Response(JSON.stringify(this.#whole(observer)), { headers: { 'content-type': 'application/json' } });
	}

	// ---- the client's side of it

	socket(): new (url: string, protocols?: string | string[]) => WebSocket {
		// eslint-disable-next-line @typescript-eslint/no-this-alias
		const server = this;
		return class {
			protocol = 'wakeful.v2+json';
			onopen: (() => void) | null = null;
			onmessage: ((event: { data: string }) => void) | null = null;
			onclose: ((event: { code: number; reason: string }) => void) | null = null;
			onerror: (() => void) | null = null;
			readonly connection: Connection;

			constructor(url: string) {
				this.connection = {
					transport: 'websocket', url: new URL(url), session: undefined, started: false, down: [], up: [], closed: false, opened: false, lastID: '',
					deliver: ({ text }) => this.onmessage?.({ data: text }),
					end: (code, reason) => this.onclose?.({ code, reason }),
					open: () => this.onopen?.(),
				};
				server.connections.push(this.connection);
			}

			send(text: string): void {
				if (!this.connection.closed) this.connection.up.push(text);
			}

			close(): void {
				server.cut(this.connection);
			}
		} as unknown as new (url: string) => WebSocket;
	}

	fetch: typeof fetch = (input, init = {}) => {
		const url = new URL(input as string);
		const headers = new Headers(init.headers);
		if (headers.get('accept') != 'text/event-stream') {
			return new Promise((answer, fail) => this.requests.push({ url, init, answer, fail }));
		}
		return new Promise<Response>((answer, fail) => {
			let feed: ReadableStreamDefaultController<Uint8Array> | undefined;
			const encoder = new TextEncoder();
			const connection: Connection = {
				transport: 'events', url, session: undefined, started: false, down: [], up: [], closed: false, opened: false,
				lastID: headers.get('last-event-id') ?? '',
				deliver: ({ text, id }) => feed?.enqueue(encoder.encode(`${id ? `id: ${id}\n` : ''}event: x\ndata: ${text}\n\n`)),
				end: (code, reason) => {
					if (!feed) return fail(new Error('refused'));
					if (code != 1006) feed.enqueue(encoder.encode(`event: close\ndata: ${JSON.stringify({ type: 'close', code, reason })}\n\n`));
					feed.close();
				},
				open: () => {
					const body = new ReadableStream<Uint8Array>({ start: (controller) => void (feed = controller) });
					answer(new Response(body, { headers: { 'content-type': 'text/event-stream' } }));
				},
			};
			init.signal?.addEventListener('abort', () => {
				if (!connection.closed) {
					connection.end = () => {};
					this.cut(connection);
				}
				fail(new DOMException('aborted', 'AbortError'));
			});
			this.connections.push(connection);
		});
	};
}
