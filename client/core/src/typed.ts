// Rows and filters of an API as types, so that a wrong filter does not compile.
import type { Client, LiveList } from './api.js';

/** What `wakeful types` writes of one list. */
export interface View {
	readonly row: object;
	readonly filters: object;
}

/** No members but those of Wanted. */
type Only<Given, Wanted> = Given & { readonly [Name in Exclude<keyof Given, keyof Wanted>]: never };

export interface TypedClient<Views> extends Omit<Client, 'live'> {
	/** The list of a path of the API, with filters that it knows. undefined leaves a filter out; a list, for __in, is joined by commas. */
	live<Path extends keyof Views & string, Filters extends Filtered<Views[Path]>>(
		path: Path,
		filters?: Only<Filters, Filtered<Views[Path]>>,
	): LiveList<Rowed<Views[Path]>>;
}

type Rowed<V> = V extends { readonly row: infer Row } ? Row : never;
type Filtered<V> = V extends { readonly filters: infer Filters } ? Filters : never;

/**
 * A client of an API whose views are known:
 *
 *	const api = typed<Views>(createClient());
 *	api.live('/api/posts', { author_id: 7 }); // LiveList<Post>
 */
export function typed<Views extends { readonly [Path in keyof Views]: View }>(client: Client): TypedClient<Views> {
	return {
		live: (path, filters) => client.live(address(path, filters)) as never,
		fetch: (url, init) => client.fetch(url, init),
		caughtUp: (response, options) => client.caughtUp(response, options),
		connection: client.connection,
		authenticate: () => client.authenticate(),
		close: () => client.close(),
	};
}

/** A path with its filters as the query. */
function address(path: string, filters: object = {}): string {
	const query = new URLSearchParams();
	for (const [name, value] of Object.entries(filters) as [string, unknown][]) {
		if (value === undefined) continue;
		const all = Array.isArray(value) ? (value as unknown[]) : [value];
		query.set(name, all.map((one) => (one instanceof Date ? one.toISOString() : String(one))).join());
	}
	return query.size ? `${path}?${query}` : path;
}
