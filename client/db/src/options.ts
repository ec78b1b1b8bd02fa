// Collection options for a live list.
import { LiveError, type Client, type LiveList } from '@wakeful/client';
import type { BaseCollectionConfig, CollectionConfig, InferSchemaOutput, UtilsRecord } from '@tanstack/db';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { follow } from './sync.js';

type Key = string | number;

/** What a handler returns of its writes: what the server answered, or the positions of that. */
export type Written = Response | string | undefined | void | readonly (Response | string | undefined)[];

export interface WakefulUtils<T = unknown> extends UtilsRecord {
	/** The list that the collection follows: its status, error and meta are there. */
	readonly list: LiveList<T>;
}

export interface WakefulCollectionConfig<T extends object, K extends Key = Key, S extends StandardSchemaV1 = never>
	extends Omit<BaseCollectionConfig<T, K, S, WakefulUtils<T>, Written>, 'utils' | 'syncMode'> {
	client: Client;
	/** The list's URL, with its filters. */
	url: string | URL;
}

type Result<T extends object, K extends Key, S extends StandardSchemaV1 = never> = CollectionConfig<T, K, S, WakefulUtils<T>> & { utils: WakefulUtils<T> };

/**
 * The list of a URL as a collection that stays true while it is used:
 *
 *	const posts = createCollection(wakefulCollectionOptions({
 *		client, url: '/posts', getKey: (post: Post) => post.id,
 *		onUpdate: ({ transaction: { mutations: [one] } }) =>
 *			client.fetch(`/posts/${one.key}`, { method: 'PATCH', body: JSON.stringify(one.changes) }),
 *	}));
 *
 * A mutation is shown at once, and until the collection shows what the handler's
 * answers have written; where an answer is not of success it is taken back.
 */
export function wakefulCollectionOptions<S extends StandardSchemaV1, K extends Key = Key>(
	config: WakefulCollectionConfig<InferSchemaOutput<S>, K, S> & { schema: S },
): Result<InferSchemaOutput<S>, K, S> & { schema: S };
export function wakefulCollectionOptions<T extends object, K extends Key = Key>(
	config: WakefulCollectionConfig<T, K> & { schema?: never },
): Result<T, K> & { schema?: never };
export function wakefulCollectionOptions<T extends object, K extends Key>(config: WakefulCollectionConfig<T, K, any>): Result<T, K, any> {
	const { client, url, onInsert, onUpdate, onDelete, ...rest } = config;
	const list = client.live<T>(url);
	/** The handler, done once its writes are shown. */
	const shown = <P>(handler: (params: P) => Promise<unknown>) => async (params: P): Promise<void> => caughtUp(client, (await handler(params)) as Written);
	return {
		...rest,
		id: rest.id ?? list.url,
		sync: follow<T, K>(list, rest.getKey),
		...(onInsert && { onInsert: shown(onInsert) }),
		...(onUpdate && { onUpdate: shown(onUpdate) }),
		...(onDelete && { onDelete: shown(onDelete) }),
		utils: { list },
	};
}

async function caughtUp(client: Client, written: Written): Promise<void> {
	const all = Array.isArray(written) ? (written as readonly (Response | string | undefined)[]) : [written as Response | string | undefined];
	for (const one of all) {
		if (typeof one != 'object' || one.ok) continue;
		throw new LiveError('refused', `the write was answered with ${one.status} ${one.statusText}`.trimEnd(), one.status, false, { cause: one });
	}
	await Promise.all(all.map((one) => client.caughtUp(one)));
}
