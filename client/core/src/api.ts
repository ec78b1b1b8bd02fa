// What an app sees of the client. Everything else in this package is reached
// through these.

/** How a list is doing. Its items are always the newest that were true. */
export type Status =
	/** asked for, nothing known yet */
	| 'loading'
	/** true, and followed */
	| 'live'
	/** true when last heard of; the connection stands, but the server cannot say how current it is */
	| 'stale'
	/** true when last heard of; there is no connection, and one is being made */
	| 'offline'
	/** refused or ended: error says why. Where error.retry is true it is asked for again by itself. */
	| 'error';

/** What is known of a list at one moment. Never altered; a new one is made where anything changed. */
export interface State<T> {
	/** In the server's order. An item that did not change is the same object as before. */
	readonly items: readonly T[];
	/** The key of each item, as text. */
	readonly keys: readonly string[];
	/** What the view says beside its list: count, next, previous; undefined where it says nothing. */
	readonly meta: Readonly<Record<string, unknown>> | undefined;
	readonly status: Status;
	/** Why status is 'error'; also, while status is 'offline', why there is no connection. */
	readonly error: LiveError | undefined;
	/** A point in the database's commit order at which items were true; '' before the first. */
	readonly position: string;
	/** True while optimistic changes are laid over the items. */
	readonly pending: boolean;
}

/** A list that stays true while somebody is subscribed. One URL has one of them per client. */
export interface LiveList<T> extends AsyncIterable<State<T>> {
	readonly url: string;
	/** The newest state: the same object until something changes. */
	get(): State<T>;
	/** Calls back after each change, with all lists that changed together already at their newest state. Returns the way out. */
	subscribe(changed: () => void): () => void;
	/** The first state that is neither 'loading' nor 'offline' without ever having been known; rejects with LiveError. Subscribes while it waits. */
	ready(options?: { signal?: AbortSignal }): Promise<State<T>>;
	/**
	 * Shows a change before the server has it: change is laid over the truth, again
	 * whenever the truth changes, until write's effects have arrived (by its
	 * Wakeful-Position header), or write has failed: then the truth is shown again.
	 */
	optimistic<R extends Response>(change: (items: readonly T[]) => readonly T[], write: () => Promise<R>): Promise<R>;
}

/** How the connection is doing. */
export type ConnectionState =
	| { readonly kind: 'idle' } // nothing is followed
	| { readonly kind: 'connecting'; readonly attempt: number }
	| { readonly kind: 'online'; readonly transport: 'websocket' | 'events' }
	| { readonly kind: 'stale'; readonly since: string; readonly reason: string }
	| { readonly kind: 'waiting'; readonly until: number; readonly error: LiveError } // Date.now() of the next attempt
	| { readonly kind: 'closed'; readonly error: LiveError | undefined }; // for good: close(), or refused

export interface Options {
	/** Where the API is: URLs of lists are resolved against it. In browsers the page's own by default. */
	readonly base?: string | URL;
	/** The path of sockets, /ws/ by default; a session's id is added to it. */
	readonly socketPath?: string;
	/** The path of the server's own requests, /api/queryobserver by default. */
	readonly prefix?: string;
	/** Gives the bearer token; asked before each connection and when the server calls for a fresh one. */
	readonly token?: () => string | undefined | Promise<string | undefined>;
	/** Headers of every GET that the server makes of a list: of its allow-list only. */
	readonly headers?: Readonly<Record<string, string>>;
	/** 'auto' (default): a WebSocket, and server-sent events where these are blocked. */
	readonly transport?: 'auto' | 'websocket' | 'events';
	/** How long an unsubscribed list is kept for who comes back; 1000 ms by default. */
	readonly lingerMs?: number;
	readonly fetch?: typeof globalThis.fetch;
	readonly WebSocket?: new (url: string, protocols?: string | string[]) => WebSocket;
	/** Told of what healed itself: a gap, a frame that does not fit, a faulty answer. For logs. */
	readonly onHealed?: (error: LiveError) => void;
}

export interface Client {
	/** The list of a URL; nothing is asked for before somebody subscribes. The same URL gives the same list. */
	live<T = Record<string, unknown>>(url: string | URL): LiveList<T>;
	/** fetch with the base, the token and the session's proof; for writes. */
	fetch(url: string | URL, init?: RequestInit): Promise<Response>;
	/**
	 * Resolves once every followed list shows what was written: for a Response (or its
	 * Wakeful-Position), a position, or undefined (the header was absent: then at once).
	 */
	caughtUp(response: Response | string | undefined, options?: { signal?: AbortSignal }): Promise<void>;
	readonly connection: {
		get(): ConnectionState;
		subscribe(changed: () => void): () => void;
	};
	/** Takes a fresh token over to the open connection; the same identity, else everything begins anew. */
	authenticate(): Promise<void>;
	/** Ends everything; lists keep what they show. */
	close(): void;
}

/** What went wrong, as an app can tell it. */
export class LiveError extends Error {
	override readonly name = 'LiveError';
	constructor(
		/** The server's code (docs/protocol.md), or one of the client's own: 'network', 'not_wakeful', 'protocol', 'version', 'closed'. */
		readonly code: string,
		message: string,
		/** The HTTP status or close code, 0 where there was none. */
		readonly status: number = 0,
		/** Whether the client tries again by itself. */
		readonly retry: boolean = false,
		options?: ErrorOptions,
	) {
		super(message, options);
	}
}

/** An error that heals by itself. */
export function passing(code: string, message: string, cause?: unknown): LiveError {
	return new LiveError(code, message, 0, true, { cause });
}
