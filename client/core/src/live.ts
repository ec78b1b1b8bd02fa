// One live list as its subscribers see it, and what the session keeps of it.
import { LiveError, type LiveList, type State, type Status } from './api.js';
import type { Item } from './decode.js';
import type { List } from './list.js';

type Rows = readonly Item[];

/** A change that is shown before the server has it. */
interface Overlay {
	readonly change: (items: Rows) => Rows;
	/** What has to be reached for it to be in the truth; undefined while its write is under way. */
	position: string | undefined;
}

/** Where a list stands with the server, on this connection. */
export type Phase =
	| 'idle' // nothing was asked
	| 'asked' // subscribe, or its GET, is not answered
	| 'resuming' // resume is not answered; changes are not for what is held
	| 'following';

/** What a list needs of its client. */
export interface Keeper {
	follow(live: Live): void;
	release(live: Live): void;
	/** Shows what has changed about a list. */
	show(live: Live): void;
	/** Asks for progress until everything up to a position is shown. */
	reach(position: string): void;
	after(ms: number, what: () => void): () => void;
	readonly lingerMs: number;
	readonly closed: boolean;
}

const loading: State<Item> = Object.freeze({
	items: [], keys: [], meta: undefined, status: 'loading', error: undefined, position: '', pending: false,
});

export class Live implements LiveList<Item> {
	/** It is followed, or kept for who comes back. */
	active = false;
	phase: Phase = 'idle';
	observer = '';
	epoch = '';
	seq = 0;
	position = '';
	/** What the server was last heard to hold, and what of it is shown. */
	list: List | undefined;
	shown: List | undefined;
	shownAt = '';
	/** It has been followed without a gap since it was last proven. */
	vouched = false;
	healing = false;
	error: LiveError | undefined;
	/** Everything up to here is shown, and when that was learned. */
	reached = '';
	mark = 0;
	/** In a row. */
	failures = 0;
	heals = 0;
	/** The number of the stream for which its GET was sent. */
	stream = 0;
	cancel: (() => void) | undefined;

	#state = loading;
	#listeners = new Set<() => void>();
	#overlays: Overlay[] = [];
	#linger: (() => void) | undefined;

	constructor(
		readonly url: string,
		/** The path on the server. */
		readonly path: string,
		readonly keeper: Keeper,
	) {}

	get(): State<Item> {
		return this.#state;
	}

	subscribe(changed: () => void): () => void {
		const listener = (): void => changed(); // the same function may subscribe twice
		this.#listeners.add(listener);
		this.#linger?.();
		this.#linger = undefined;
		if (!this.active) this.keeper.follow(this);
		return () => {
			if (!this.#listeners.delete(listener) || this.#listeners.size || !this.active) return;
			this.#linger = this.keeper.after(this.keeper.lingerMs, () => this.keeper.release(this));
		};
	}

	async ready({ signal }: { signal?: AbortSignal } = {}): Promise<State<Item>> {
		for await (const state of this.#states(signal)) {
			if (state.status == 'error') throw state.error;
			if (this.shown) return state;
		}
		throw new LiveError('closed', 'the client is closed');
	}

	[Symbol.asyncIterator](): AsyncGenerator<State<Item>, void> {
		return this.#states();
	}

	async *#states(signal?: AbortSignal): AsyncGenerator<State<Item>, void> {
		let wake = (): void => {};
		const leave = this.subscribe(() => wake());
		const abort = (): void => wake();
		signal?.addEventListener('abort', abort);
		try {
			for (let told: State<Item> | undefined; ; ) {
				signal?.throwIfAborted();
				if (this.#state !== told) yield (told = this.#state);
				else if (this.keeper.closed) return;
				else await new Promise<void>((resolve) => (wake = resolve));
			}
		} finally {
			signal?.removeEventListener('abort', abort);
			leave();
		}
	}

	async optimistic<R extends Response>(change: (items: Rows) => Rows, write: () => Promise<R>): Promise<R> {
		change(this.#state.items); // what does not work at all is the caller's to know
		const overlay: Overlay = { change, position: undefined };
		const leave = this.subscribe(() => {}); // followed until the truth is here
		this.#overlays.push(overlay);
		this.keeper.show(this);
		try {
			const response = await write();
			overlay.position = (response.ok && response.headers.get('wakeful-position')) || '';
			if (overlay.position) this.keeper.reach(overlay.position);
			return response;
		} catch (error) {
			overlay.position = '';
			throw error;
		} finally {
			this.keeper.show(this);
			leave();
		}
	}

	/** Brings the state up to date; false where nothing has changed. */
	refresh(status: Status, error: LiveError | undefined, passed: (position: string) => boolean): boolean {
		this.#overlays = this.#overlays.filter(({ position }) => position === undefined || !(position == '' || passed(position)));
		const { shown } = this;
		let items: Rows = shown?.items ?? loading.items;
		let keys = shown?.keys ?? loading.keys;
		const { pending } = this;
		if (pending) {
			const truth = items;
			for (const { change } of this.#overlays) items = attempt(change, items);
			const known = new Map(truth.map((item, i) => [item, keys[i]!]));
			const name = shown?.primaryKey;
			keys = items.map((item) => known.get(item) ?? String((name && item[name]) ?? ''));
		}
		const next = { items, keys, meta: shown?.meta, status, error, position: this.shownAt, pending };
		const old = this.#state;
		if (!pending && (Object.keys(next) as (keyof typeof next)[]).every((name) => next[name] === old[name])) return false;
		this.#state = next;
		return true;
	}

	get pending(): boolean {
		return this.#overlays.length > 0;
	}

	/** Calls its subscribers back. One that fails is no other's affair. */
	notify(): void {
		for (const listener of [...this.#listeners]) {
			attempt(listener, undefined);
		}
	}

	/** Forgets what is held; somebody else may be to see other rows. */
	clear(): void {
		this.list = this.shown = undefined;
		this.epoch = this.position = this.shownAt = this.reached = '';
		this.seq = 0;
		this.vouched = this.healing = false;
	}

	/** Ends following it. */
	reset(): void {
		this.cancel?.();
		this.clear();
		this.active = false;
		this.phase = 'idle';
		this.observer = '';
		this.error = undefined;
		this.failures = this.heals = 0;
		this.#overlays = [];
		this.#state = loading;
	}
}

/** Calls back into the app: what is thrown there is reported as its own, and must not harm the others. */
function attempt<T>(call: (value: T) => T | void, value: T): T {
	try {
		return call(value) ?? value;
	} catch (error) {
		queueMicrotask(() => {
			throw error;
		});
		return value;
	}
}
