// Two ways to hear a session's frames: a WebSocket, and server-sent events over
// fetch, for networks that block the first.
import { LiveError, passing, type Options } from './api.js';
import { isObject } from './decode.js';
import type { End, Why } from './connection.js';

/** Who is told of a connection. Nothing is told after drop. */
export interface Ear {
	opened(): void;
	/** One frame; id is that of its event. */
	frame(text: unknown, id?: string): void;
	/** Something came that is no frame. */
	beat(): void;
	ended(why: Why): void;
}

export interface Wire {
	send(text: string): void;
	drop(): void;
}

const ends: Readonly<Record<number, readonly [End, string]>> = {
	1001: ['cut', 'going_away'],
	1012: ['told', 'restart'],
	4400: ['wrong', 'bad_request'],
	4401: ['denied', 'unauthenticated'],
	4403: ['foreign', 'forbidden'],
	4408: ['cut', 'too_slow'],
	4409: ['renew', 'replaced'],
	4410: ['renew', 'session_lost'],
	4429: ['busy', 'too_many'],
};

/** What follows from a close code. */
export function whyOf(code: number, reason: string): Why {
	const [end, word] = ends[code] ?? ['cut', 'network'];
	const final = reason.startsWith('cross_site');
	const error = new LiveError(word, reason || `the connection ended (${code})`, code, !final);
	const wait = /(\d+) ms/.exec(reason);
	return { end: final ? 'refused' : end, error, ...(wait && end == 'told' && { wait: Number(wait[1]) }) };
}

export function network(end: End, message: string, cause?: unknown): Why {
	return { end, error: passing('network', message, cause) };
}

/** What a refused request says: its problem document, or what its status tells. */
export async function errorOf(response: Response, retry = response.status == 429 || response.status >= 500): Promise<LiveError> {
	const { status, headers } = response;
	const type = headers.get('content-type') ?? '';
	let text = '';
	try {
		text = await response.text();
		const problem: unknown = /json/.test(type) ? JSON.parse(text) : undefined;
		if (isObject(problem) && typeof problem['code'] == 'string') {
			return new LiveError(problem['code'], String(problem['detail'] ?? problem['title'] ?? ''), status, retry);
		}
	} catch {
		/* what there is must do */
	}
	const known = ({ 401: 'unauthenticated', 403: 'forbidden', 429: 'too_many' } as Record<number, string>)[status];
	const what = `${response.url} answered ${status}${type && ` with ${type}`}: ${text.slice(0, 80)}`;
	return new LiveError(known ?? (status < 500 ? 'not_wakeful' : 'unavailable'), what, status, retry);
}

/** The wait that an answer asks for, in ms. */
export function retryAfter(response: Response, now: number): number | undefined {
	const text = response.headers.get('retry-after');
	if (!text) return undefined;
	const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
	return ms > 0 ? ms : undefined;
}

function whyOfStatus(error: LiveError, wait: number | undefined): Why {
	const { status, code } = error;
	const end: End =
		status == 401 ? 'denied'
		: status == 409 || status == 410 ? 'renew'
		: status == 403 ? (code == 'cross_site' ? 'refused' : 'foreign')
		: status == 429 ? 'busy'
		: status >= 500 ? 'cut'
		: 'wrong';
	return { end, error, ...(wait !== undefined && { wait }) };
}

export function webSocket(make: NonNullable<Options['WebSocket']>, url: string, ear: Ear): Wire {
	let opened = false;
	const socket = new make(url, 'wakeful.v2+json');
	socket.onopen = () => {
		opened = true;
		if (socket.protocol == 'wakeful.v2+json') return ear.opened();
		const error = passing('version', `${url} does not speak wakeful.v2+json`);
		ear.ended({ end: 'wrong', error });
	};
	socket.onmessage = (event) => ear.frame(event.data);
	socket.onclose = ({ code, reason }) =>
		ear.ended(opened ? whyOf(code, reason) : network('unopened', `no WebSocket at ${url}: no network, no server, or WebSockets are blocked`));
	socket.onerror = () => {}; // onclose follows
	return {
		send: (text) => socket.send(text),
		drop: () => {
			socket.onopen = socket.onmessage = socket.onclose = null;
			socket.close();
		},
	};
}

export function eventStream(fetch: typeof globalThis.fetch, url: string, headers: Record<string, string>, ear: Ear, now: () => number): Wire {
	const stop = new AbortController();
	let opened = false;
	let told = false;
	const tell = (why: Why): void => {
		if (told) return;
		told = true;
		if (!stop.signal.aborted) ear.ended(why);
	};
	const run = async (): Promise<void> => {
		const response = await fetch(url, {
			headers: { ...headers, accept: 'text/event-stream' },
			cache: 'no-store',
			credentials: 'include',
			signal: stop.signal,
		});
		if (!response.ok) return tell(whyOfStatus(await errorOf(response, !/40[13]/.test(String(response.status))), retryAfter(response, now())));
		if (!/^text\/event-stream/.test(response.headers.get('content-type') ?? '') || !response.body) {
			return tell({ end: 'wrong', error: await errorOf(response, true) });
		}
		if (stop.signal.aborted) return;
		opened = true;
		ear.opened();
		const parse = events((data, id) => told || ear.frame(data, id), ear);
		const reader = response.body.getReader();
		const decoder = new TextDecoder();
		for (let { done, value } = await reader.read(); !done && !told && !stop.signal.aborted; { done, value } = await reader.read()) {
			parse(decoder.decode(value, { stream: true }));
		}
		tell(network('cut', 'the event stream ended'));
	};
	run().catch((cause: unknown) => tell(network(opened ? 'cut' : 'unopened', `cannot reach ${url}`, cause)));
	return {
		send: () => {},
		drop: () => stop.abort(),
	};
}

/** Reads a stream of events as it comes in pieces. */
export function events(take: (data: string, id: string) => void, ear: Pick<Ear, 'beat'>): (piece: string) => void {
	let rest = '';
	let id = '';
	let data: string[] = [];
	const line = (text: string): void => {
		if (!text) {
			if (data.length) take(data.join('\n'), id);
			id = '';
			data = [];
			return;
		}
		const colon = text.indexOf(':');
		const field = colon < 0 ? text : text.slice(0, colon);
		const value = colon < 0 ? '' : text.slice(text[colon + 1] == ' ' ? colon + 2 : colon + 1);
		if (field == 'data') data.push(value);
		else if (field == 'id') id = value;
	};
	return (piece) => {
		ear.beat();
		rest += piece;
		if (!piece.includes('\n')) return; // a long line grows without being looked at
		const lines = rest.split('\n');
		rest = lines.pop()!;
		for (const text of lines) line(text.endsWith('\r') ? text.slice(0, -1) : text);
	};
}
