// What is said over a connection: which lists are asked for, what comes of them,
// and when it is shown. The rules are those of docs/protocol.md (W10, T6, T8).
import { LiveError, passing, type ConnectionState, type Status } from './api.js';
import type { Transport } from './connection.js';
import { decodeWhole, type Changes, type Frame, type Message, type Whole } from './decode.js';
import { List } from './list.js';
import type { Live } from './live.js';
import { errorOf, retryAfter } from './transport.js';

type Framed<T extends Frame['type']> = Extract<Frame, { readonly type: T }>;
type Streamed = Changes | Framed<'snapshot'>;

/** What a session is given by its client. */
export interface Host {
	readonly connection: { get(): ConnectionState };
	send(message: Message): void;
	/** Something other than hello has come: the server has taken us. */
	proven(): void;
	stale(stale: { since: string; reason: string } | undefined): void;
	/** A request to the server, with what proves who asks. */
	request(path: string, init?: RequestInit): Promise<Response>;
	/** Goes on as another session. */
	renew(): void;
	/** Ends the connection, and goes on as another session. */
	lost(error: LiveError): void;
	/** Has a fresh token asked for; true where there was one. */
	renewToken(): Promise<boolean>;
	after(ms: number, what: () => void): () => void;
	now(): number;
	random(): number;
	healed(error: LiveError): void;
	readonly id: string;
	readonly prefix: string;
	readonly headers: Readonly<Record<string, string>> | undefined;
}

/** How long a change waits for the progress behind it, in ms. */
const PATIENCE = 300;
/** The bytes of a resume where the server does not say its limit. */
const FRAME = 65_536;

// Refusals that are the same until something else changes. Others are asked
// for again after a while.
const final = new Set(
	`permission_revoked forbidden unauthenticated foreign_session cross_site bad_session bad_request unknown_parameter bad_parameter
	bad_cursor missing_parameter not_observable unobservable_result uncovered_table nothing_read volatile_view not_found method_not_allowed`.split(/\s+/),
);

export const history = (position: string): string => position.slice(0, 8);

/** Whether a position is known to be at another or behind it. */
function covers(position: string, other: string): boolean {
	return position.length == other.length && history(position) == history(other) && position >= other;
}

interface Waiter {
	readonly position: string;
	readonly lists: readonly Live[];
	readonly mark: number;
	readonly done: (error?: LiveError) => void;
}

export class Session {
	readonly lists = new Map<string, Live>();
	#byObserver = new Map<string, Set<Live>>();
	#calls = new Map<string, readonly Live[]>();
	#lastCall = 0;
	/** The GETs that are under way, each with what came since. */
	#gets = new Set<(Streamed | Framed<'closed'>)[]>();
	/** Observers that no list was joined to when they were put here. */
	#leaving = new Set<string>();
	/** The unsubscribes of an event stream that are under way. */
	#parting = 0;
	/** Lists whose GET waits for these, and from which position on they are asked for. */
	#queue = new Map<Live, string>();
	#behind = new Set<string>();
	#dirty = new Set<Live>();
	#patience: (() => void) | undefined;
	#waiters = new Set<Waiter>();
	#nudge: (() => void) | undefined;
	/** Counts what is told of how far lists are. */
	#mark = 0;
	#histories = new Set<string>();
	#position = '';
	#transport: Transport | undefined;
	#stream = 0;
	#named: ReadonlySet<string> = new Set();
	/** What the next stream is asked from. */
	lastEvent = '';

	constructor(readonly host: Host) {}

	// ---- lists

	follow(live: Live): void {
		live.active = true;
		this.lists.set(live.path, live);
		if (this.#transport) this.#ask([live]);
		this.show([live]);
	}

	release(live: Live): void {
		const { observer } = live;
		this.lists.delete(live.path);
		this.#dirty.delete(live);
		this.#rename(live, '');
		live.reset();
		this.#queue.delete(live);
		if (observer) this.#leaving.add(observer);
		this.#settle();
	}

	/**
	 * Leaves what no list needs, and sends the GETs that may be sent. Lists share
	 * observers, and requests overtake each other: nothing is left while it may be
	 * asked for, nor a GET sent while something is being left.
	 */
	#turn(): void {
		if (!this.#transport) return;
		if (this.#leaving.size && !this.#gets.size && ![...this.lists.values()].some(({ phase }) => phase == 'asked' || phase == 'resuming')) {
			for (const observer of this.#leaving) if (!this.#byObserver.has(observer)) void this.#leave(observer);
			this.#leaving.clear();
		}
		if (this.#parting) return;
		for (const [live, after] of this.#queue) void this.#get(live, after);
		this.#queue.clear();
	}

	/** Where no answer tells that it was carried out, it may be yet, at any time: the session is not gone on with. */
	async #leave(observer: string): Promise<void> {
		if (this.#transport == 'websocket') return this.host.send({ type: 'unsubscribe', observer });
		const { id, prefix } = this.host;
		const url = `${prefix}/unsubscribe?${new URLSearchParams({ observer, subscriber: id })}`;
		this.#parting++;
		let cause: unknown;
		const status = await this.host.request(url, { method: 'POST' }).then(
			(answer) => answer.status,
			(error: unknown) => ((cause = error), 500),
		);
		if (id != this.host.id) return;
		this.#parting--;
		if (status >= 500) this.host.lost(passing('network', `no answer from ${url}`, cause));
		else this.#turn();
	}

	#rename(live: Live, observer: string): void {
		const had = this.#byObserver.get(live.observer);
		if (had?.delete(live) && !had.size) this.#byObserver.delete(live.observer);
		live.observer = observer;
		if (!observer) return;
		const has = this.#byObserver.get(observer) ?? new Set();
		this.#byObserver.set(observer, has.add(live));
	}

	#of(observer: string): readonly Live[] {
		return [...(this.#byObserver.get(observer) ?? [])];
	}

	// ---- asking

	/** Begins on a connection that has said hello. */
	start(transport: Transport, hello: Framed<'hello'>): void {
		this.#transport = transport;
		const lists = [...this.lists.values()];
		if (transport == 'websocket') {
			const held = lists.filter(({ list, observer }) => list && observer);
			this.#resume(held, hello.limits?.frame_bytes);
			this.#ask(lists.filter((live) => !held.includes(live)));
			this.host.send({ type: 'ping' }); // answered behind all that is due
			return;
		}
		this.#stream++;
		this.#named = new Set(hello.observers);
		for (const live of lists) {
			if (live.observer && live.list && this.#named.has(live.observer)) live.phase = 'following';
		}
		this.#ask(lists.filter((live) => live.phase == 'idle'));
	}

	/** The connection is gone. */
	stop(): void {
		const transport = this.#transport;
		this.#transport = undefined;
		this.#calls.clear();
		// Who has not taken all that came must be sent it again.
		if ([...this.lists.values()].some(({ phase }) => phase != 'following')) this.lastEvent = '';
		for (const held of this.#gets) held.length = 0;
		this.#behind.clear();
		if (this.#parting) this.host.renew();
		for (const live of this.lists.values()) {
			live.vouched = live.healing = false;
			live.cancel?.();
			// A GET may still be answered; the session may live on.
			if (transport == 'websocket' || live.phase != 'asked') live.phase = 'idle';
		}
	}

	/** Another session has begun: nothing that was asked of the old one counts. */
	renew(): void {
		this.lastEvent = '';
		this.#parting = 0;
		this.#leaving.clear();
		this.#queue.clear();
		for (const live of this.lists.values()) if (live.phase == 'asked') live.phase = 'idle';
	}

	#call(lists: readonly Live[]): string {
		const id = String(++this.#lastCall);
		this.#calls.set(id, lists);
		return id;
	}

	#ask(lists: readonly Live[]): void {
		for (const live of lists) {
			live.cancel?.();
			live.phase = 'asked';
			if (this.#transport == 'events') {
				this.#queue.set(live, '');
				continue;
			}
			const { headers } = this.host;
			this.host.send({ type: 'subscribe', id: this.#call([live]), url: live.path, ...(headers && { headers }) });
		}
		this.#turn();
	}

	/** Says what is held. The first of a connection is sent though it be empty. */
	#resume(lists: readonly Live[], limit = FRAME): void {
		let observers: Record<string, { epoch: string; seq: number; url: string }> = {};
		let asked: Live[] = [];
		let size = 0;
		const send = (): void => {
			const id = this.#call(asked);
			this.host.send({ type: 'resume', id, observers });
			[observers, asked, size] = [{}, [], 0];
		};
		for (const live of lists) {
			const { observer, epoch, seq, path } = live;
			const more = path.length + 250;
			if (size && size + more > limit) send();
			size += more;
			live.phase = 'resuming';
			asked.push(live);
			// Of two lists of one observer the one that holds less is told of.
			if (!(observers[observer]?.epoch == epoch && observers[observer].seq < seq)) observers[observer] = { epoch, seq, url: path };
		}
		send();
	}

	async #get(live: Live, after: string): Promise<void> {
		const { id } = this.host;
		const stream = (live.stream = this.#stream);
		const url = `${live.path}${live.path.includes('?') ? '&' : '?'}observe=${id}`;
		const stands = (): boolean => live.active && id == this.host.id;
		const held: (Streamed | Framed<'closed'>)[] = [];
		this.#gets.add(held);
		try {
			const response = await this.host.request(url, { headers: { ...this.host.headers, ...(after && { 'wakeful-position': after }) } });
			if (response.status != 200) {
				const error = await errorOf(response);
				if (stands()) this.#fail(live, error.code, error.message, error.status, retryAfter(response, this.host.now()));
				return;
			}
			const whole = decodeWhole(await response.text());
			if (!live.active && id == this.host.id) this.#leaving.add(whole.observer);
			if (!stands()) return;
			if (stream != this.#stream && this.#transport && !this.#named.has(whole.observer)) return this.#ask([live]);
			this.#rename(live, whole.observer);
			if (live.phase == 'asked') live.phase = this.#transport ? 'following' : 'idle';
			this.#install(live, whole);
			for (const frame of held) if (frame.observer == live.observer) this.#give(live, frame);
		} catch (cause) {
			if (!stands()) return;
			const error = cause instanceof LiveError ? cause : passing('network', `cannot reach ${url}`, cause);
			this.#fail(live, error.code, error.message, error.status);
		} finally {
			this.#gets.delete(held);
			if (live.list && !live.shown && covers(this.#position, live.position)) this.#flush([live]);
			this.#settle();
		}
	}

	// ---- hearing

	frame(frame: Frame): void {
		switch (frame.type) {
			case 'subscribed':
				return this.#subscribed(frame);
			case 'changes':
			case 'snapshot':
			case 'closed':
				return this.#streamed(frame);
			case 'progress':
				this.host.proven();
				this.#position = frame.position;
				this.#behind = new Set(frame.behind);
				this.#settled(frame.position);
				return this.host.stale(undefined);
			case 'pong':
				this.host.proven();
				return this.#settled();
			case 'stale':
				return this.host.stale({ since: frame.since, reason: frame.reason });
			case 'error':
				for (const live of this.#answered(frame.id ?? '')) {
					if (live.phase == 'resuming') this.#ask([live]);
					else if (live.phase == 'asked') this.#fail(live, frame.code, frame.detail);
				}
		}
	}

	#answered(id: string | number): readonly Live[] {
		const lists = this.#calls.get(String(id)) ?? [];
		return lists.filter(({ active }) => active);
	}

	#subscribed({ id, observer, replaces }: Framed<'subscribed'>): void {
		this.host.proven();
		const asked = this.#answered(id);
		const [first] = asked;
		if (!first) return void this.#leaving.add(observer); // nobody wants it any more
		for (const live of asked) {
			if (live.phase == 'asked') this.#rename(live, observer);
			else if (live.phase != 'resuming' || live.observer != (replaces ?? observer)) continue;
			else if (replaces) this.#rename(live, observer);
			live.phase = 'following';
			live.error = undefined;
		}
	}

	#streamed(frame: Streamed | Framed<'closed'>): void {
		for (const held of this.#gets) held.push(frame); // the answer to a GET may come behind what follows it
		for (const live of this.#of(frame.observer)) this.#give(live, frame);
	}

	#give(live: Live, frame: Streamed | Framed<'closed'>): void {
		if (frame.type == 'closed') this.#closed(live, frame);
		else if (live.phase == 'following') this.#take(live, frame);
		else if (live.phase == 'resuming' && frame.type == 'snapshot') this.#install(live, frame);
	}

	#take(live: Live, frame: Streamed): void {
		const { epoch, seq, position } = frame;
		if (this.#transport == 'events' && live.epoch != epoch && history(live.position) == history(position) && position < live.position) {
			return; // on its way since before the list was asked for
		}
		if (frame.type == 'snapshot') return this.#install(live, frame);
		if (live.epoch == epoch && seq <= live.seq) return;
		if (live.epoch != epoch || seq != live.seq + 1 || !live.list) {
			return this.#heal(live, passing('protocol', `${live.path}: changes ${epoch}:${seq} on ${live.epoch}:${live.seq}`));
		}
		try {
			live.list = live.list.apply(frame.ops);
		} catch (cause) {
			live.epoch = ''; // nothing but a snapshot will do
			return this.#heal(live, misfit(live, cause));
		}
		live.seq = seq;
		live.position = position;
		this.#changed(live);
	}

	#install(live: Live, whole: Whole): void {
		const { epoch, seq, position } = whole;
		if (live.epoch == epoch && seq < live.seq) return;
		try {
			live.list = List.of(whole, live.list);
		} catch (cause) {
			live.epoch = '';
			return this.#heal(live, misfit(live, cause));
		}
		live.epoch = epoch;
		live.seq = seq;
		live.position = position;
		live.error = undefined;
		live.failures = 0;
		this.#changed(live);
		if (this.#transport != 'websocket') return; // what was held comes first
		if (!live.shown && covers(this.#position, position)) this.#flush([live]);
		else if (![...this.lists.values()].some((other) => other.phase == 'asked')) this.host.send({ type: 'ping' });
	}

	/** Asks for what is missing: at once, and later and later where that does not help. */
	#heal(live: Live, error: LiveError): void {
		this.host.healed(error);
		live.phase = 'resuming';
		live.vouched = false;
		live.healing = true;
		const ask = (): void => (this.#transport == 'events' ? this.#ask([live]) : this.#resume([live]));
		if (live.heals++ < 2) ask();
		else live.cancel = this.host.after(this.#backoff(live.heals), ask);
		this.show([live]);
	}

	#backoff(times: number): number {
		const slot = Math.min(60_000, 500 * 2 ** times);
		return slot / 2 + (this.host.random() * slot) / 2;
	}

	/** The server has ended a list. */
	#closed(live: Live, { code, detail }: Framed<'closed'>): void {
		live.phase = 'idle';
		live.vouched = false;
		this.#rename(live, '');
		switch (code) {
			case 'scope_changed': // other rows are to be seen now
				live.clear();
				this.#dirty.delete(live);
				this.#ask([live]);
				break;
			case 'unknown_observer':
				live.healing = true;
				live.epoch = '';
				this.#ask([live]);
				break;
			case 'cleared':
			case 'shutdown':
				live.healing = true;
				live.epoch = '';
				live.cancel = this.host.after(this.host.random() * 1000, () => this.#ask([live]));
				break;
			default:
				return this.#fail(live, code, detail);
		}
		this.show([live]);
	}

	/** A list cannot be had. What may be otherwise soon is asked for again. */
	#fail(live: Live, code: string, detail: string, status = 0, wait?: number): void {
		if (code == 'not_observable' && / answered 40[13]$/.test(detail)) code = 'permission_revoked';
		const retry = !final.has(code) && (status < 400 || status == 404 || status == 429 || status >= 500);
		live.phase = 'idle';
		live.vouched = live.healing = false;
		live.error = new LiveError(code, detail || code, status, retry);
		if (['permission_revoked', 'forbidden', 'unauthenticated'].includes(code)) {
			live.clear();
			this.#dirty.delete(live);
			const { error } = live;
			void this.host.renewToken().then((fresh) => fresh && live.error == error && this.#transport && this.#ask([live]));
		}
		if (retry) live.cancel = this.host.after(wait ?? this.#backoff(++live.failures), () => this.#transport && this.#ask([live]));
		this.show([live]);
		this.#settle();
	}

	/** There are other credentials: what was refused may not be now. */
	retry(): void {
		if (this.#transport) this.#ask([...this.lists.values()].filter(({ error, phase }) => error && phase == 'idle'));
	}

	// ---- showing

	#changed(live: Live): void {
		this.#dirty.add(live);
		// Who is paced is not waited for, and catches up at once with what the others show.
		if (this.#behind.has(live.observer) && covers(this.#position, live.position)) return this.#flush([live]);
		this.#patience ??= this.host.after(PATIENCE, () => {
			this.#patience = undefined;
			// Who is not as far as the last progress waits for what it missed.
			this.#flush([...this.#dirty].filter(({ vouched, position }) => vouched || !this.#position || covers(position, this.#position)));
		});
	}

	#flush(lists: Iterable<Live>): void {
		const shown = [...lists];
		this.#mark++;
		for (const live of shown) {
			this.#dirty.delete(live);
			live.shown = live.list;
			live.shownAt = live.position;
			if (live.phase == 'following') {
				live.vouched = true;
				live.healing = false;
			}
			this.#reached(live, live.position);
		}
		if (!this.#dirty.size) {
			this.#patience?.();
			this.#patience = undefined;
		}
		this.show(shown);
		this.#settle();
	}

	/** Everything up to a position was sent, for all but those behind; without one, all that is due. */
	#settled(position?: string): void {
		// A GET may have answered with more than the others show: it waits for them.
		const ahead = (live: Live): boolean => !live.vouched && history(live.position) == history(this.#position) && live.position > this.#position;
		const known = [...this.lists.values()].filter((live) => live.list && live.phase == 'following' && !this.#behind.has(live.observer) && !ahead(live));
		for (const live of known) {
			if (!live.vouched || live.pending) this.#dirty.add(live);
			live.heals = 0;
		}
		if (position) {
			this.#mark++;
			for (const live of known) this.#reached(live, position);
			this.#histories.add(history(position));
		}
		this.#flush([...this.#dirty].filter((live) => !ahead(live)));
	}

	#reached(live: Live, position: string): void {
		if (!position || covers(live.reached, position)) return;
		live.reached = position;
		live.mark = this.#mark;
	}

	#status(live: Live, { kind }: ConnectionState): Status {
		if (live.error || kind == 'closed') return 'error';
		if (kind == 'online' || kind == 'stale') {
			if (live.vouched) return kind == 'stale' ? kind : 'live';
			if (live.shown) return live.healing ? 'stale' : 'offline';
			return 'loading';
		}
		return live.shown || kind == 'waiting' || this.#failing() ? 'offline' : 'loading';
	}

	#failing(): boolean {
		const connection = this.host.connection.get();
		return connection.kind == 'connecting' && connection.attempt > 0;
	}

	/** Brings what is shown of lists up to date, all of them before anybody is told. */
	show(lists: Iterable<Live> = this.lists.values()): void {
		const connection = this.host.connection.get();
		const why = 'error' in connection ? connection.error : undefined;
		const told = [...lists].filter((live) => {
			const status = this.#status(live, connection);
			const error = status == 'error' ? live.error ?? why ?? new LiveError('closed', 'the client is closed') : status == 'offline' ? why : undefined;
			return live.refresh(status, error, (position) => this.#passed(live, position));
		});
		for (const live of told) live.notify();
	}

	// ---- read your writes

	#passed({ reached, mark }: Live, position: string, since = -1): boolean {
		if (covers(reached, position)) return true;
		// Positions of two histories say nothing of each other: what the newer one
		// tells after the older has ended holds all that the older had.
		const [now, then] = [history(this.#position), history(position)];
		return now != then && history(reached) == now && mark > since && this.#histories.has(then);
	}

	caughtUp(position: string, done: (error?: LiveError) => void): () => void {
		const waiter: Waiter = { position, lists: [...this.lists.values()], mark: this.#mark, done };
		this.#waiters.add(waiter);
		this.#settle();
		this.reach();
		return () => this.#waiters.delete(waiter);
	}

	/** Ends all that wait. */
	end(error: LiveError): void {
		for (const waiter of this.#waiters) waiter.done(error);
		this.#waiters.clear();
	}

	#settle(): void {
		this.#turn();
		for (const waiter of this.#waiters) {
			const left = waiter.lists.filter((live) => live.active && !live.error && !this.#passed(live, waiter.position, waiter.mark));
			if (left.length) continue;
			this.#waiters.delete(waiter);
			waiter.done();
		}
	}

	/** Asks how far the server is until nobody waits for it. */
	reach(times = 0): void {
		const pending = [...this.lists.values()].filter((live) => live.pending);
		if (!this.#waiters.size && !pending.length) return;
		this.#nudge?.();
		this.#nudge = this.host.after(Math.min(2000, 50 * 2 ** times), () => this.reach(times + 1));
		if (this.#transport == 'websocket') this.host.send({ type: 'ping' });
		else if (this.#transport && times % 4 == 3) {
			// A stream cannot be asked; a GET says no less than it is asked for.
			for (const { lists, position } of this.#waiters) {
				for (const live of lists) if (live.phase == 'following' && !this.#passed(live, position)) this.#queue.set(live, position);
			}
			this.#turn();
		}
	}
}

function misfit(live: Live, cause: unknown): LiveError {
	return passing('protocol', `${live.path}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
}
