// What a list shows, written into a collection: each state in one transaction, of
// what differs from the state before.
import type { LiveList, State } from '@wakeful/client';
import type { SyncConfig } from '@tanstack/db';

type Params<T extends object, K extends string | number> = Parameters<SyncConfig<T, K>['sync']>[0];

/** The sync of a list. It follows the list from the collection's first use until its cleanup. */
export function follow<T extends object, K extends string | number>(list: LiveList<T>, getKey: (item: T) => K): SyncConfig<T, K> {
	return {
		rowUpdateMode: 'full',
		sync(params) {
			let items: readonly T[] = [];
			const take = (): void => {
				const state = list.get();
				if (state.items !== items) write(params, items, state.items, getKey);
				items = state.items;
				settle(params, state);
			};
			const leave = list.subscribe(take);
			take();
			return leave;
		},
	};
}

function settle<T extends object, K extends string | number>({ collection, markReady, markError }: Params<T, K>, state: State<T>): void {
	if (state.status == 'error') {
		if (!state.error?.retry && collection.status != 'error') markError(state.error);
	} else if ((state.status == 'live' || state.status == 'stale' || state.position) && collection.status != 'ready') markReady();
}

/** Writes what makes the old rows the new ones. An item that did not change is the same object. */
function write<T extends object, K extends string | number>(
	{ begin, write, commit, truncate }: Params<T, K>,
	before: readonly T[],
	after: readonly T[],
	getKey: (item: T) => K,
): void {
	const gone = new Map<K, T>();
	const come = new Map<K, T>();
	const length = Math.max(before.length, after.length);
	for (let i = 0; i < length; i++) {
		const [old, item] = [before[i], after[i]];
		if (old === item) continue;
		if (old) gone.set(getKey(old), old);
		if (item) come.set(getKey(item), item);
	}
	begin();
	if (before.length && gone.size == before.length && ![...come.keys()].some((key) => gone.has(key))) {
		truncate(); // another list altogether
		gone.clear();
	}
	for (const [key, value] of come) {
		const old = gone.get(key);
		gone.delete(key);
		if (old === undefined) write({ type: 'insert', value });
		else if (old !== value) write({ type: 'update', value, previousValue: old });
	}
	for (const key of gone.keys()) write({ type: 'delete', key });
	commit();
}
