// A list and the ops that alter it. Nothing here is ever altered once made: what
// did not change is the same object in the next list.
import { LiveError } from './api.js';
import { isObject, type Item, type Meta, type Op, type Whole } from './decode.js';

/** The place of each key, found without looking at all of them. */
class Index {
	/** Where a key was when it was last looked for. */
	readonly #hints = new Map<string, number>();
	/** How many ops since then may each have shifted it by one place. */
	#drift = 0;

	constructor(keys: readonly string[]) {
		this.#rebuild(keys);
	}

	#rebuild(keys: readonly string[]): void {
		this.#hints.clear();
		this.#drift = 0;
		keys.forEach((key, at) => this.#hints.set(key, at));
	}

	/** The place of a key in keys, -1 where it is not in there. */
	find(keys: readonly string[], key: string): number {
		const hint = this.#hints.get(key);
		if (hint === undefined) return -1;
		for (let d = 0; d <= this.#drift; d++) {
			if (keys[hint - d] === key) return this.#found(key, hint - d);
			if (keys[hint + d] === key) return this.#found(key, hint + d);
		}
		throw misfit(`key ${key} is lost`); // not reached: what shifts is counted
	}

	#found(key: string, at: number): number {
		this.#hints.set(key, at);
		return at;
	}

	/** Notes that a key came, went or moved; at is undefined where it went. */
	shift(keys: readonly string[], key: string, at: number | undefined): void {
		if (at === undefined) this.#hints.delete(key);
		else this.#hints.set(key, at);
		// A search looks at no more than this, and each op pays its share of the
		// next rebuild.
		if (++this.#drift > 256) this.#rebuild(keys);
	}

	get size(): number {
		return this.#hints.size;
	}
}

function misfit(what: string): LiveError {
	return new LiveError('protocol', `changes do not fit the list: ${what}`, 0, true);
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
				if (!isObject(item) || (typeof key != 'string' && typeof key != 'number')) throw misfit(`an item without its key ${primary_key}`);
				return String(key);
			});
		const index = new Index(keys);
		if (index.size != items.length || keys.length != items.length) throw misfit('keys are not those of the items');
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
		const place = (key: string): number => {
			const at = index.find(keys ?? this.keys, key);
			if (at < 0) throw misfit(`key ${key} is not in it`);
			return at;
		};
		// put has key and item at a place, taken out of the place from where there is one.
		const put = (key: string, at: unknown, item: Item, from?: number): void => {
			items ??= this.items.slice();
			keys ??= this.keys.slice();
			if (from !== undefined) {
				items.splice(from, 1);
				keys.splice(from, 1);
			}
			if (!(Number.isInteger(at) && (at as number) >= 0 && (at as number) <= keys.length)) {
				throw misfit(`key ${key} has no place ${String(at)} in ${keys.length}`);
			}
			items.splice(at as number, 0, item);
			keys.splice(at as number, 0, key);
			index.shift(keys, key, at as number);
		};
		for (const op of ops) {
			if (op?.op == 'meta') {
				meta = op.meta ?? undefined;
				continue;
			}
			if (typeof op?.key != 'string') throw misfit(`an op without a key: ${JSON.stringify(op)}`);
			const { key } = op;
			switch (op.op) {
				case 'added':
					if (index.find(keys ?? this.keys, key) >= 0) throw misfit(`key ${key} is in it already`);
					if (!isObject(op.item)) throw misfit(`key ${key} has no item`);
					put(key, op.order, op.item);
					break;
				case 'removed': {
					const at = place(key);
					(items ??= this.items.slice()).splice(at, 1);
					(keys ??= this.keys.slice()).splice(at, 1);
					index.shift(keys, key, undefined);
					break;
				}
				case 'changed': {
					const at = place(key);
					const item = changed((items ?? this.items)[at]!, op);
					if (op.order === undefined) (items ??= this.items.slice())[at] = item;
					else put(key, op.order, item, at);
					break;
				}
				default:
					throw misfit(`an op that is not known: ${JSON.stringify((op as { op: unknown }).op)}`);
			}
		}
		return new List(items ?? this.items, keys ?? this.keys, this.primaryKey, meta, index);
	}
}

function changed(old: Item, op: Op & { op: 'changed' }): Item {
	if (op.item !== undefined) {
		if (!isObject(op.item)) throw misfit(`key ${op.key} has no item`);
		return op.item;
	}
	if (op.set === undefined && op.unset === undefined) return old;
	if (!isObject(op.set ?? {}) || !Array.isArray(op.unset ?? [])) throw misfit(`key ${op.key} is changed in no known way`);
	const item = { ...old, ...op.set };
	for (const name of op.unset ?? []) delete item[name];
	return item;
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
