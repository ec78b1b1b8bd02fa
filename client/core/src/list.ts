// A list and the ops that alter it. Nothing here is ever altered once made: what
// did not change is the same object in the next list.
import { passing, type LiveError } from './api.js';
import { isObject, type Item, type Meta, type Op, type Whole } from './decode.js';

/** The place of each key, found without looking at all of them. */
class Index {
	/** Where a key was when it was last looked for. */
	hints!: Map<string, number>;
	/** How many ops since then may each have shifted it by one place. */
	drift!: number;

	constructor(keys: readonly string[]) {
		this.learn(keys);
	}

	learn(keys: readonly string[]): void {
		this.hints = new Map(keys.map((key, at) => [key, at]));
		this.drift = 0;
	}

	/** The place of a key in keys, -1 where it is not in there. */
	find(keys: readonly string[], key: string): number {
		const hint = this.hints.get(key);
		if (hint === undefined) return -1;
		for (let d = 0; ; d++) {
			for (const at of [hint - d, hint + d]) {
				if (keys[at] === key) {
					this.hints.set(key, at);
					return at;
				}
			}
			if (d > this.drift) throw misfit(key); // not reached: what shifts is counted
		}
	}

	/** Notes that keys came, went or moved by one op. */
	shifted(keys: readonly string[]): void {
		// A search looks at no more than this, and each op pays its share of the
		// next rebuild.
		if (++this.drift > 256) this.learn(keys);
	}
}

function misfit(what: string): LiveError {
	return passing('protocol', `it does not fit the list: ${what}`);
}

export class List {
	/** Taken over by the list that comes next. */
	#index: Index | undefined;

	private constructor(
		readonly items: readonly Item[],
		readonly keys: readonly string[],
		readonly primaryKey: string,
		readonly meta: Meta | undefined,
		index?: Index,
	) {
		this.#index = index;
	}

	/**
	 * The list of a snapshot. Where an item is as it was before, it is the same
	 * object; where all is, so is items.
	 */
	static of(whole: Whole, before?: List): List {
		const { items, primary_key } = whole;
		const keys =
			whole.keys ??
			items.map((item) => {
				const key = item?.[primary_key];
				if (!isObject(item) || (typeof key != 'string' && typeof key != 'number')) throw misfit('an item without its key');
				return String(key);
			});
		const index = new Index(keys);
		if (index.hints.size != items.length || keys.length != items.length) throw misfit('keys');
		const meta = whole.meta ?? undefined;
		if (!before) return new List(items, keys, primary_key, meta, index);
		const had = before.#own();
		const kept = items.map((item, i) => {
			const at = had.find(before.keys, keys[i]!);
			return at >= 0 && same(before.items[at], item) ? before.items[at]! : item;
		});
		return new List(
			equal(kept, before.items) ? before.items : kept,
			equal(keys, before.keys) ? before.keys : keys,
			primary_key,
			same(before.meta, meta) ? before.meta : meta,
			index,
		);
	}

	#own(): Index {
		return (this.#index ??= new Index(this.keys));
	}

	/**
	 * The list that the ops make of this one. Throws where they do not fit; then
	 * this one is as before.
	 */
	apply(ops: readonly Op[]): List {
		const index = this.#own();
		this.#index = undefined;
		let { meta } = this;
		let keys: string[] | undefined; // copied only if they change
		let items: Item[] | undefined;
		for (const op of ops) {
			if (op.op == 'meta') {
				meta = op.meta ?? undefined;
				continue;
			}
			const { key } = op;
			const at = index.find(keys ?? this.keys, key);
			let to: number | undefined; // where it goes; undefined: it stays
			let item: Item | undefined; // undefined: it goes away
			if (op.op == 'changed') {
				item = changed((items ?? this.items)[at], op);
				to = op.order;
			} else if (op.op == 'added') {
				item = op.item;
				to = op.order ?? -1;
			} else if (op.op != 'removed') throw misfit(JSON.stringify(op));
			// What is added must be new, all else must be there.
			if (typeof key != 'string' || at < 0 != (op.op == 'added') || (op.op != 'removed' && !isObject(item))) throw misfit(JSON.stringify(op));
			items ??= this.items.slice();
			if (item && to === undefined) {
				items[at] = item;
				continue;
			}
			keys ??= this.keys.slice();
			if (at >= 0) {
				items.splice(at, 1);
				keys.splice(at, 1);
			}
			if (item) {
				if (!(to! >= 0 && to! <= keys.length && Number.isInteger(to))) throw misfit(JSON.stringify(op));
				items.splice(to!, 0, item);
				keys.splice(to!, 0, key);
				index.hints.set(key, to!);
			} else index.hints.delete(key);
			index.shifted(keys);
		}
		return new List(items ?? this.items, keys ?? this.keys, this.primaryKey, meta, index);
	}
}

/** What a changed op makes of an item; undefined where it is none. */
function changed(old: Item | undefined, { item, set, unset }: Op & { op: 'changed' }): Item | undefined {
	if (item !== undefined || !old) return item;
	if (!set && !unset) return old;
	const next = { ...old, ...set };
	for (const name of unset ?? []) delete next[name];
	return next;
}

function equal(a: readonly unknown[], b: readonly unknown[]): boolean {
	return a.length == b.length && a.every((value, i) => value === b[i]);
}

/** Whether two values of JSON are the same. */
export function same(a: unknown, b: unknown): boolean {
	if (a === b) return true;
	if (Array.isArray(a)) return Array.isArray(b) && a.length == b.length && a.every((value, i) => same(value, b[i]));
	if (!isObject(a) || !isObject(b)) return false;
	const names = Object.keys(a);
	return names.length == Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && same(a[name], b[name]));
}
