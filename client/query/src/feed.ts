// Keeps the queries of live lists true: a query is subscribed to its list while it
// has an enabled observer, and what lists show is put into the cache for all of
// them at once, at most once a frame.
import type { LiveList, State } from '@wakeful/client';
import { notifyManager, type Query, type QueryCache, type QueryKey } from '@tanstack/query-core';

/** Where a query's data comes from. */
export interface Source {
	readonly list: LiveList<unknown>;
	readonly pick: (state: State<unknown>) => unknown;
}

export function source<T>(list: LiveList<T>, pick: (state: State<unknown>) => unknown): Source {
	return { list: list as LiveList<unknown>, pick };
}

/** What was fetched ahead, or is suspended on, is fed for this long without an observer. */
const AHEAD = 10_000;

/** The source of each query that was ever asked about. */
const sources = new WeakMap<Query, Source>();
/** Those that are fed. */
const feeds = new WeakMap<Query, Feed>();

/** Whether a query is kept true from this list; if not, who observes it next begins to feed it. */
export function fedFrom(query: Query, from: Source): boolean {
	sources.set(query, from);
	return feeds.get(query)?.from.list === from.list;
}

/** One query that follows its list. */
class Feed {
	readonly #leave: () => void;
	#ahead: ReturnType<typeof setTimeout> | undefined;
	#told: unknown;

	constructor(
		readonly query: Query,
		readonly from: Source,
		changed: () => void,
	) {
		this.#leave = from.list.subscribe(changed);
	}

	/** Calls back when it has been kept long enough for an observer that does not come. */
	keep(late: () => void): void {
		clearTimeout(this.#ahead);
		this.#ahead = setTimeout(late, AHEAD);
	}

	/** Puts what the list shows into the cache, where it is not what was last put there: what an app writes by hand stays until the list changes. */
	tell(): void {
		const state = this.from.list.get();
		const { query } = this;
		if (state.status == 'error') {
			// The query function rejects with it, as every other error of a query comes.
			if (query.state.fetchStatus == 'idle' && query.state.error !== state.error) query.fetch().catch(() => {});
			return;
		}
		if (state.status == 'loading' || (state.status == 'offline' && !state.position)) return;
		const data = this.from.pick(state);
		if (this.#told === data && query.state.status == 'success') return;
		this.#told = data;
		if (query.state.data !== data || query.state.status != 'success') query.setData(data, { manual: true });
	}

	/** The same, whatever the cache holds. */
	restore(): void {
		this.#told = undefined;
		this.tell();
	}

	end(): void {
		clearTimeout(this.#ahead);
		this.#leave();
	}
}

/** All feeds of one query cache. */
class Feeder {
	readonly #feeds = new Set<Feed>();
	#drawing = false;
	#late = false;

	constructor(private readonly cache: QueryCache) {
		cache.subscribe((event) => {
			const { query } = event;
			switch (event.type) {
				case 'observerAdded':
				case 'observerRemoved':
				case 'observerOptionsUpdated':
					return this.#observed(query);
				case 'removed':
					return this.#stop(query);
				case 'updated':
					// While it was fetched, something newer may have been shown.
					if (event.action.type == 'error' || (event.action.type == 'success' && !event.action.manual)) feeds.get(query)?.restore();
			}
		});
	}

	/** A query is fetched from a list: from now on it is fed. */
	fetched(queryKey: QueryKey, from: Source): void {
		const query = this.cache.find({ queryKey, exact: true }) as Query | undefined;
		if (!query) return; // removed meanwhile
		const feed = this.#start(query, from);
		if (!query.isActive()) feed.keep(() => !query.isActive() && this.#stop(query));
	}

	#observed(query: Query): void {
		const from = sources.get(query);
		if (!from) return;
		if (query.isActive()) this.#start(query, from).tell();
		else this.#stop(query);
	}

	#start(query: Query, from: Source): Feed {
		const before = feeds.get(query);
		if (before?.from.list === from.list) return before;
		const feed = new Feed(query, from, () => this.#change());
		before?.end();
		if (before) this.#feeds.delete(before);
		sources.set(query, from);
		feeds.set(query, feed);
		this.#feeds.add(feed);
		return feed;
	}

	#stop(query: Query): void {
		const feed = feeds.get(query);
		if (!feed) return;
		feed.end();
		feeds.delete(query);
		this.#feeds.delete(feed);
	}

	/** The first change of a frame is shown at once, the rest with the next. */
	#change(): void {
		if (this.#drawing) {
			this.#late = true;
			return;
		}
		this.#late = false;
		this.#drawing = true;
		nextFrame(() => {
			this.#drawing = false;
			if (this.#late) this.#change();
		});
		notifyManager.batch(() => {
			for (const feed of [...this.#feeds]) feed.tell();
		});
	}
}

const feeders = new WeakMap<QueryCache, Feeder>();

export function feederOf(cache: QueryCache): Feeder {
	let feeder = feeders.get(cache);
	if (!feeder) feeders.set(cache, (feeder = new Feeder(cache)));
	return feeder;
}

/** A tab that is not seen draws no frames, and is not to fall behind for it. */
const HIDDEN = 200;

function nextFrame(call: () => void): void {
	if (typeof requestAnimationFrame != 'function') {
		setTimeout(call, 16);
		return;
	}
	const once = (): void => {
		clearTimeout(timer);
		cancelAnimationFrame(frame);
		call();
	};
	const timer = setTimeout(once, HIDDEN);
	const frame = requestAnimationFrame(once);
}
