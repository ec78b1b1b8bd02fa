// Drives the machine of connection.ts with a real clock, real sockets and the
// session's frames, and is what an app gets.
import { LiveError, passing, type Client, type ConnectionState, type LiveList, type Options } from './api.js';
import { begin, shown, step, type Effect, type Event, type State, type Transport, type Why } from './connection.js';
import { decode, encode, type Frame, type Limits, type Message } from './decode.js';
import { Live, type Keeper } from './live.js';
import { Session, type Host } from './session.js';
import { eventStream, network, webSocket, whyOf, type Ear, type Wire } from './transport.js';

/** The world as the client sees it; tests make their own. */
export interface Env {
	now(): number;
	/** From 0 to 1. */
	random(): number;
	/** Calls what after ms; the result undoes it. */
	after(ms: number, what: () => void): () => void;
	/** A new session id. */
	id(): string;
	/** Tells of the network and the tab: awake, or doubt. */
	listen(tell: (type: 'awake' | 'doubt') => void): () => void;
}

export const world: Env = {
	now: () => Date.now(),
	random: () => Math.random(),
	after(ms, what) {
		const timer = setTimeout(what, Math.min(ms, 2 ** 31 - 1));
		return () => clearTimeout(timer);
	},
	id: () => crypto.randomUUID().replaceAll('-', ''),
	listen(tell) {
		const stop = new AbortController();
		for (const name of ['online', 'pageshow', 'visibilitychange', 'offline']) {
			globalThis.addEventListener?.(name, () => tell(name == 'offline' ? 'doubt' : 'awake'), { signal: stop.signal });
		}
		return () => stop.abort();
	},
};

const UNLIMITED = 1e6;

const silent = passing('network', 'the server has been silent for too long');

/** Makes a client; nothing is asked of the server before a list is subscribed to. */
export function createClient(options: Options = {}): Client {
	return new Connected(options, world);
}

export class Connected implements Client, Keeper, Host {
	id: string;
	readonly prefix: string;
	readonly lingerMs: number;
	readonly headers: Options['headers'];
	readonly #base: URL;
	readonly #session: Session;
	readonly #lives = new Map<string, WeakRef<Live>>();
	readonly #gone = new FinalizationRegistry<string>((path) => {
		if (!this.#lives.get(path)?.deref()) this.#lives.delete(path);
	});
	readonly #watchers = new Set<() => void>();
	readonly #make: Options['WebSocket'];
	readonly #fetch: typeof globalThis.fetch;
	readonly #unlisten: () => void;
	#state: State = begin;
	#shown: ConnectionState = shown(begin);
	#wire: Wire | undefined;
	#timer: (() => void) | undefined;
	#heard = 0;
	#token: string | undefined;
	#outbox: string[] = [];
	#hello: Extract<Frame, { type: 'hello' }> | undefined;
	#limits: Limits = {};
	#credit = 0;
	#creditAt = 0;

	constructor(
		readonly options: Options,
		readonly env: Env,
	) {
		const base = options.base ?? globalThis.location?.href;
		if (!base) throw new TypeError('createClient: give base, the URL of the API; only pages have one');
		this.#base = new URL(base, globalThis.location?.href);
		this.#make = options.WebSocket ?? globalThis.WebSocket;
		this.#fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
		if (!this.#make && options.transport == 'websocket') throw new TypeError('createClient: there is no WebSocket here; give one, or use transport: "events"');
		this.prefix = options.prefix ?? '/api/queryobserver';
		this.lingerMs = options.lingerMs ?? 1000;
		this.headers = options.headers;
		this.id = env.id();
		this.#session = new Session(this);
		this.#unlisten = env.listen((type) => this.#happens({ type }));
	}

	// ---- what an app calls

	live<T = Record<string, unknown>>(url: string | URL): LiveList<T> {
		const full = new URL(url, this.#base);
		if (full.origin != this.#base.origin) throw new TypeError(`live: ${full.href} is not of ${this.#base.origin}, where this client is connected`);
		// As the server tells requests apart: sorted by name, repeated ones in their order.
		full.searchParams.delete('observe');
		full.searchParams.sort();
		const path = full.pathname + full.search;
		let live = this.#session.lists.get(path) ?? this.#lives.get(path)?.deref();
		if (!live) {
			live = new Live(full.origin + path, path, this);
			this.#lives.set(path, new WeakRef(live));
			this.#gone.register(live, path);
		}
		return live as unknown as LiveList<T>;
	}

	async fetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
		const full = new URL(url, this.#base);
		const headers = new Headers(init.headers);
		const token = full.origin == this.#base.origin && !headers.has('authorization') ? await this.options.token?.() : undefined;
		if (token) headers.set('authorization', `Bearer ${token}`);
		return this.#fetch(full.href, { ...init, headers });
	}

	caughtUp(response: Response | string | undefined, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
		const position = typeof response == 'object' ? response.headers.get('wakeful-position') : response;
		return new Promise((resolve, reject) => {
			signal?.throwIfAborted();
			if (!position) return resolve();
			if (this.#state.kind == 'closed') return reject(this.#state.error ?? ended());
			const abort = (): void => {
				cancel();
				reject(signal!.reason as Error);
			};
			const cancel = this.#session.caughtUp(position, (error) => {
				signal?.removeEventListener('abort', abort);
				if (error) reject(error);
				else resolve();
			});
			signal?.addEventListener('abort', abort);
		});
	}

	readonly connection = {
		get: (): ConnectionState => this.#shown,
		subscribe: (changed: () => void): (() => void) => {
			const watcher = (): void => changed();
			this.#watchers.add(watcher);
			return () => this.#watchers.delete(watcher);
		},
	};

	async authenticate(): Promise<void> {
		this.#token = await this.options.token?.();
		this.#happens({ type: 'authenticate' });
		this.#session.retry();
	}

	close(): void {
		this.#unlisten();
		this.#happens({ type: 'close', error: undefined });
	}

	// ---- what lists need

	get closed(): boolean {
		return this.#state.kind == 'closed' && !this.#state.error;
	}

	after(ms: number, what: () => void): () => void {
		return this.env.after(ms, what);
	}

	follow(live: Live): void {
		this.#session.follow(live);
		this.#happens({ type: 'wanted' });
	}

	release(live: Live): void {
		this.#session.release(live);
		if (!this.#session.lists.size) this.#happens({ type: 'unwanted' });
	}

	show(live: Live): void {
		this.#session.show([live]);
	}

	reach(): void {
		this.#session.reach();
	}

	// ---- what the session needs

	now(): number {
		return this.env.now();
	}

	random(): number {
		return this.env.random();
	}

	healed(error: LiveError): void {
		this.options.onHealed?.(error);
	}

	proven(): void {
		const { memory } = this.#state;
		if (memory.attempt || memory.denied || memory.foreign) this.#happens({ type: 'proven' });
	}

	stale(stale: { since: string; reason: string } | undefined): void {
		if (stale || ('stale' in this.#state && this.#state.stale)) this.#happens({ type: 'stale', stale });
	}

	request(path: string, init: RequestInit = {}): Promise<Response> {
		return this.#fetch(new URL(path, this.#base).href, {
			...init,
			cache: 'no-store',
			credentials: 'include',
			headers: { accept: 'application/json', ...(init.headers as Record<string, string>), ...this.#bearer() },
		});
	}

	renew(): void {
		this.id = this.env.id();
		this.#session.renew();
	}

	lost(error: LiveError): void {
		this.#happens({ type: 'ended', why: { end: 'renew', error } });
	}

	async renewToken(): Promise<boolean> {
		const before = this.#token;
		const token = await this.options.token?.();
		if (!token || token == before) return false;
		this.#token = token;
		this.#happens({ type: 'authenticate' });
		return true;
	}

	#bearer(): Record<string, string> {
		return this.#token ? { authorization: `Bearer ${this.#token}` } : {};
	}

	/** Sends a message, no faster than the server takes them. */
	send(message: Message): void {
		this.#outbox.push(encode(message));
		if (this.#outbox.length == 1) this.#post();
	}

	#post(): void {
		const { frame_burst: burst = UNLIMITED, frames_per_second: rate = UNLIMITED } = this.#limits;
		const now = this.env.now();
		this.#credit = Math.min(burst * 0.8, this.#credit + ((now - this.#creditAt) * rate * 0.8) / 1000);
		this.#creditAt = now;
		for (; this.#outbox.length && this.#credit >= 1; this.#credit--) this.#wire?.send(this.#outbox.shift()!);
		const wire = this.#wire;
		if (this.#outbox.length) this.env.after(1000 / rate, () => wire == this.#wire && this.#post());
	}

	// ---- the machine

	#happens(event: Event): void {
		const { options } = this;
		const transport = this.#make ? (options.transport ?? 'auto') : 'events';
		const before = this.#state;
		const [state, effects] = step(before, event, {
			now: this.env.now(), random: this.env.random(), transport, token: !!options.token, silent,
		});
		this.#state = state;
		for (const effect of effects) this.#carryOut(effect);
		const now = shown(state);
		const same = JSON.stringify(now) == JSON.stringify(this.#shown) && errorIn(now) == errorIn(this.#shown);
		if (same || state != this.#state) return;
		this.#shown = now;
		this.#session.show();
		for (const watcher of [...this.#watchers]) watcher();
		if (now.kind == 'closed') this.#session.end(now.error ?? ended());
	}

	#carryOut(effect: Effect): void {
		switch (effect.do) {
			case 'open':
				return void this.#open(effect.transport);
			case 'drop':
				this.#timer?.();
				this.#wire?.drop();
				this.#wire = undefined;
				return this.#session.stop();
			case 'timer':
				this.#timer?.();
				this.#timer = this.env.after(Math.max(0, effect.at - this.env.now()), () => this.#happens({ type: 'timer', heard: this.#heard }));
				return;
			case 'ping':
				return this.send({ type: 'ping' });
			case 'start':
				if (effect.transport == 'websocket' && this.#token) this.send({ type: 'authenticate', token: this.#token });
				return this.#session.start(effect.transport, this.#hello!);
			case 'renew':
				return this.renew();
			case 'token':
				if (this.#token) this.send({ type: 'authenticate', token: this.#token });
		}
	}

	async #open(transport: Transport): Promise<void> {
		let wire: Wire | undefined;
		const mine = (): boolean => wire !== undefined && wire == this.#wire;
		const ear: Ear = {
			opened: () => mine() && this.#happens({ type: 'opened' }),
			beat: () => mine() && (this.#heard = this.env.now()),
			frame: (text, id) => mine() && this.#frame(text, id),
			ended: (why) => mine() && this.#happens({ type: 'ended', why }),
		};
		const placeholder: Wire = (this.#wire = wire = { send() {}, drop() {} });
		try {
			this.#token = await this.options.token?.();
		} catch (cause) {
			return ear.ended({ end: 'cut', error: passing('unauthenticated', 'no token could be had', cause) });
		}
		if (this.#wire != placeholder) return;
		const url = new URL((this.options.socketPath ?? '/ws/') + this.id, this.#base);
		[this.#outbox, this.#limits, this.#credit, this.#creditAt] = [[], {}, 1, this.env.now()];
		if (transport == 'events') {
			const last = this.#session.lastEvent;
			const headers = { ...this.#bearer(), ...(last && { 'last-event-id': last }) };
			this.#wire = wire = eventStream(this.#fetch, url.href, headers, ear, () => this.env.now());
			return;
		}
		url.protocol = url.protocol.replace('http', 'ws');
		try {
			this.#wire = wire = webSocket(this.#make!, url.href, ear);
		} catch (cause) {
			ear.ended(network('unopened', `no WebSocket at ${url.href}`, cause));
		}
	}

	#frame(text: unknown, id: string | undefined): void {
		this.#heard = this.env.now();
		let frame: Frame | undefined;
		try {
			frame = decode(text);
		} catch (error) {
			return this.#happens({ type: 'ended', why: { end: 'wrong', error: error as LiveError } });
		}
		if (frame?.type == 'close') return this.#happens({ type: 'ended', why: whyOf(frame.code, frame.reason) });
		if (frame?.type == 'hello') {
			this.#limits = frame.limits ?? {};
			this.#credit = this.#limits.frame_burst ?? UNLIMITED;
			this.#hello = frame;
			return this.#happens({ type: 'hello', beat: frame.heartbeat_ms });
		}
		if (this.#state.kind == 'greeting') {
			const error = passing('version', 'the server does not begin with hello');
			return this.#happens({ type: 'ended', why: { end: 'wrong', error } as Why });
		}
		if (frame) this.#session.frame(frame);
		if (id) this.#session.lastEvent = id;
	}
}

function ended(): LiveError {
	return new LiveError('closed', 'the client is closed');
}

function errorIn(state: ConnectionState): LiveError | undefined {
	return 'error' in state ? state.error : undefined;
}
