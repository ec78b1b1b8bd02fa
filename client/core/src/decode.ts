// What crosses the wire, read and written in one place. A frame that does not
// fit is refused here, so that the rest of the client need not doubt any.
import { LiveError } from './api.js';

export type Item = Record<string, unknown>;
export type Meta = Readonly<Record<string, unknown>>;

export type Op =
	| { readonly op: 'added'; readonly key: string; readonly order: number; readonly item: Item }
	| {
			readonly op: 'changed';
			readonly key: string;
			readonly order?: number;
			readonly item?: Item;
			readonly set?: Item;
			readonly unset?: readonly string[];
	  }
	| { readonly op: 'removed'; readonly key: string }
	| { readonly op: 'meta'; readonly meta?: Meta | null };

/** A whole list: the answer of an observed GET, or a snapshot. */
export interface Whole {
	readonly observer: string;
	readonly epoch: string;
	readonly seq: number;
	readonly position: string;
	readonly primary_key: string;
	readonly items: readonly Item[];
	readonly keys?: readonly string[];
	readonly meta?: Meta | null;
}

export interface Changes {
	readonly type: 'changes';
	readonly observer: string;
	readonly epoch: string;
	readonly seq: number;
	readonly position: string;
	readonly ops: readonly Op[];
}

export interface Limits {
	readonly frame_bytes?: number;
	readonly frames_per_second?: number;
	readonly frame_burst?: number;
}

export type Frame =
	| {
			readonly type: 'hello';
			readonly heartbeat_ms: number;
			readonly limits?: Limits;
			readonly observers?: readonly string[];
	  }
	| {
			readonly type: 'subscribed';
			readonly id: string;
			readonly observer: string;
			readonly epoch: string;
			readonly seq: number;
			readonly replaces?: string;
	  }
	| Changes
	| (Whole & { readonly type: 'snapshot' })
	| { readonly type: 'progress'; readonly position: string; readonly whole: boolean; readonly behind?: readonly string[] }
	| { readonly type: 'stale'; readonly since: string; readonly reason: string }
	| { readonly type: 'closed'; readonly observer: string; readonly code: string; readonly detail: string }
	| { readonly type: 'error'; readonly id?: string; readonly code: string; readonly detail: string }
	| { readonly type: 'pong'; readonly id?: string }
	| { readonly type: 'close'; readonly code: number; readonly reason: string };

type Kind = 's' | 'n' | 'o' | 'a' | 'b' | 'i';
type Shape = Readonly<Record<string, Kind>>;

// Members by type. s: text, n: a number from 0, o: an object, a: a list, b: a
// truth, i: text or a number. What is not named here is not looked at.
const whole: Shape = { observer: 's', epoch: 's', seq: 'n', position: 's', primary_key: 's', items: 'a' };
const shapes: Readonly<Record<string, Shape>> = {
	hello: { heartbeat_ms: 'n' },
	subscribed: { id: 'i', observer: 's', epoch: 's', seq: 'n' },
	changes: { observer: 's', epoch: 's', seq: 'n', position: 's', ops: 'a' },
	snapshot: whole,
	progress: { position: 's', whole: 'b' },
	stale: { since: 's', reason: 's' },
	closed: { observer: 's', code: 's', detail: 's' },
	error: { code: 's', detail: 's' },
	pong: {},
	close: { code: 'n', reason: 's' },
};
const kinds: Readonly<Record<Kind, (value: unknown) => boolean>> = {
	s: (value) => typeof value == 'string',
	n: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
	o: isObject,
	a: Array.isArray,
	b: (value) => typeof value == 'boolean',
	i: (value) => typeof value == 'string' || typeof value == 'number',
};

export function isObject(value: unknown): value is Item {
	return typeof value == 'object' && value !== null && !Array.isArray(value);
}

function misfit(what: string): LiveError {
	return new LiveError('protocol', `the server sent ${what}; is it of another version?`, 0, true);
}

/** Why value is not of the shape, '' where it is. */
function fault(value: Item, shape: Shape): string {
	for (const name in shape) {
		if (!kinds[shape[name]!](value[name])) return `member ${name} is ${JSON.stringify(value[name])?.slice(0, 40)}`;
	}
	return '';
}

function parse(text: unknown): Item {
	let value: unknown;
	try {
		value = JSON.parse(text as string);
	} catch {
		/* said below */
	}
	if (!isObject(value)) throw misfit(`what is not a JSON object: ${String(text).slice(0, 80)}`);
	return value;
}

/**
 * Reads one frame; undefined is one of a type that is not known, to be ignored.
 * Throws LiveError where it does not fit. What ops say is looked at where they
 * are applied.
 */
export function decode(text: unknown): Frame | undefined {
	const value = parse(text);
	const { type } = value;
	if (typeof type != 'string') throw misfit('a frame without a type');
	const shape = Object.hasOwn(shapes, type) ? shapes[type] : undefined;
	if (!shape) return undefined;
	const wrong = fault(value, shape);
	if (wrong) throw misfit(`${type}: ${wrong}`);
	return value as unknown as Frame;
}

/** Reads the answer of an observed GET. */
export function decodeWhole(text: string): Whole {
	let value: Item;
	try {
		value = parse(text);
	} catch {
		throw new LiveError('not_wakeful', `want a JSON object with observer and items, got ${text.slice(0, 80)}`, 200);
	}
	const wrong = fault(value, whole);
	if (wrong) throw new LiveError('not_observable', `the answer is not that of a live list: ${wrong}`, 200);
	return value as unknown as Whole;
}

/** What a client can say. */
export type Message =
	| { type: 'subscribe'; id: string | number; url: string; headers?: Readonly<Record<string, string>>; since?: { epoch: string; seq: number } }
	| { type: 'unsubscribe'; observer: string }
	| { type: 'resume'; id?: string | number; observers: Record<string, { epoch: string; seq: number; url?: string }> }
	| { type: 'authenticate'; token: string }
	| { type: 'ping'; id?: string | number };

export const encode = (message: Message): string => JSON.stringify(message);
