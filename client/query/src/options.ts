// Query options for a live list.
import type { Client, LiveError, LiveList, State } from '@wakeful/client';
import type { DataTag, Query, QueryFunctionContext } from '@tanstack/query-core';
import { fedFrom, feederOf, source, type Source } from './feed.js';

export type LiveQueryKey = readonly ['wakeful', string, 'items' | 'page'];

/** What useQuery, useSuspenseQuery, prefetchQuery and the others take. */
export interface LiveQueryOptions<Data> {
	queryKey: DataTag<LiveQueryKey, Data, LiveError>;
	queryFn: (context: QueryFunctionContext<LiveQueryKey>) => Promise<Data>;
	/** What is fed is never stale; what nobody fed is fetched again. */
	staleTime: (query: Query<Data, LiveError, Data, LiveQueryKey>) => number;
	refetchOnMount: (query: Query<Data, LiveError, Data, LiveQueryKey>) => 'always' | false;
	/** The client tries again by itself, and heals the query when it succeeds. */
	retry: false;
	networkMode: 'always';
	/** Items that did not change are the same objects already. */
	structuralSharing: false;
}

/** A list with what its view says beside it. */
export interface LivePage<T> {
	readonly items: readonly T[];
	/** count, next, previous; undefined where the view says nothing. */
	readonly meta: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The list of a URL as a query whose data is its items. While the query has an
 * enabled observer, its data stays true by itself:
 *
 *	const { data } = useQuery(liveQueryOptions<Post>(client, '/posts?author=7'));
 */
export function liveQueryOptions<T = Record<string, unknown>>(client: Client, url: string | URL): LiveQueryOptions<readonly T[]> {
	return options(client.live<T>(url), 'items', (state) => state.items);
}

/** The same with data of { items, meta }, for lists that are pages of a longer one. */
export function livePageOptions<T = Record<string, unknown>>(client: Client, url: string | URL): LiveQueryOptions<LivePage<T>> {
	return options(client.live<T>(url), 'page', pageOf);
}

const pages = new WeakMap<readonly unknown[], LivePage<unknown>>();

/** The same page for the same items and meta. */
function pageOf<T>({ items, meta }: State<T>): LivePage<T> {
	let page = pages.get(items) as LivePage<T> | undefined;
	if (!page || page.meta !== meta) pages.set(items, (page = { items, meta }));
	return page;
}

function options<T, Data>(list: LiveList<T>, kind: LiveQueryKey[2], pick: (state: State<T>) => Data): LiveQueryOptions<Data> {
	const from: Source = source(list, pick as (state: State<unknown>) => unknown);
	return {
		queryKey: ['wakeful', list.url, kind] as unknown as DataTag<LiveQueryKey, Data, LiveError>,
		async queryFn({ client, queryKey, signal }) {
			feederOf(client.getQueryCache()).fetched(queryKey, from);
			return pick(await list.ready({ signal }));
		},
		staleTime: (query) => (fedFrom(query as unknown as Query, from) ? Infinity : 0),
		refetchOnMount: (query) => (fedFrom(query as unknown as Query, from) ? false : 'always'),
		retry: false,
		networkMode: 'always',
		structuralSharing: false,
	};
}
