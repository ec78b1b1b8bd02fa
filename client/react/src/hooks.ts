import type { Client, ConnectionState, LiveList, State } from '@wakeful/client';
import { createContext, createElement, useContext, useSyncExternalStore, type ReactElement, type ReactNode } from 'react';
import { framesOf, type Shown } from './frames.js';

const Context = createContext<Client | undefined>(undefined);

/** Hands the client to all hooks below it. Who makes a client closes it: a provider does not. */
export function WakefulProvider(props: { client: Client; children?: ReactNode }): ReactElement {
	return createElement(Context.Provider, { value: props.client }, props.children);
}

/** The client of the provider above. */
export function useClient(): Client {
	const client = useContext(Context);
	if (!client) throw new Error('@wakeful/react: there is no <WakefulProvider client={…}> above this component');
	return client;
}

/** What follows nothing shows. */
const nothing: State<never> = Object.freeze({
	items: [], keys: [], meta: undefined, status: 'loading', error: undefined, position: '', pending: false,
});
const none = { subscribe: () => () => {}, get: () => nothing };
const onServer = (): State<never> => nothing;

/**
 * The list of a URL, or one that a typed client gave, live while the component is mounted: the same object until
 * something changes, and its items the same objects until they change. Lists
 * that changed together are rendered together, at most once a frame. Without a
 * URL nothing is followed.
 */
export function useLive<T = Record<string, unknown>>(url: string | URL | LiveList<T> | null | undefined): State<T> {
	const client = useClient();
	const shown: Pick<Shown<T>, 'subscribe' | 'get'> = url == null ? none : shownOf(client, url);
	return useSyncExternalStore(shown.subscribe, shown.get, onServer);
}

/**
 * The same for components below a <Suspense>: they are not rendered before the
 * list is known. A list that is refused is thrown to the error boundary; an
 * error after it was known is in the state.
 */
export function useLiveSuspense<T = Record<string, unknown>>(url: string | URL | LiveList<T>): State<T> {
	const client = useClient();
	const state = useLive<T>(url);
	if (state.position || state.status == 'live' || state.status == 'stale') return state;
	if (state.status == 'error' && state.error) throw state.error;
	throw shownOf(client, url).first();
}

function shownOf<T>(client: Client, of: string | URL | LiveList<T>): Shown<T> {
	return framesOf(client).of(typeof of == 'string' || of instanceof URL ? client.live<T>(of) : of);
}

/** How the connection is doing. */
export function useConnection(): ConnectionState {
	const { connection } = useClient();
	return useSyncExternalStore(connection.subscribe, connection.get, connection.get);
}
