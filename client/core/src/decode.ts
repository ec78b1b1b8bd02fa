// What crosses the wire, read and written in one place. A frame that does not
// fit is refused here, so that the rest of the client need not doubt any.
import { LiveError, passing } from './api.js';

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

// What each type must have. What is not named here is not looked at.
const whole = 'observer epoch seq position primary_key items';
const members: Readonly<Record<string, string>> = {
	hello: 'heartbeat_ms',
	subscribed: 'id observer epoch seq',
	changes: 'observer epoch seq position ops',
	snapshot: whole,
	progress: 'position',
	stale: 'since reason',
	closed: 'observer code',
	error: 'code',
	pong: '',
	close: 'reason',
};

export function isObject(value: unknown): value is Item {
	return typeof value == 'object' && !!value && !Array.isArray(value);
}

/** The first member that is missing or of a wrong kind, '' where all are well: numbers count from 0, lists are lists, all else is text. */
function fault(value: Item, names: string): string {
	for (const name of names.split(' ')) {
		const member = value[name];
		const well =
			/^(seq|heartbeat_ms)$/.test(name) ? Number.isSafeInteger(member) && (member as number) >= 0
			: /^(items|ops)$/.test(name) ? Array.isArray(member)
			: typeof member == 'string' || !name || (name == 'id' && typeof member == 'number');
		if (!well) return name;
	}
	return '';
}

/**
 * Reads one frame; undefined is one of a type that is not known, to be ignored.
 * Throws LiveError where it does not fit. What ops say is looked at where they
 * are applied.
 */
export function decode(text: unknown): Frame | undefined {
	const value = parse(text as string);
	const { type } = value;
	if (typeof type == 'string' && !Object.hasOwn(members, type)) return undefined;
	const wrong = fault(value, members[type as string] ?? 'type');
	if (wrong) throw passing('protocol', `the server sent no good ${wrong} in ${String(text).slice(0, 80)}; is it of another version?`);
	return value as unknown as Frame;
}

/** The object that a text is, an empty one where it is none. */
function parse(text: string): Item {
	try {
		const value: unknown = JSON.parse(text);
		return isObject(value) ? value : {};
	} catch {
		return {};
	}
}

/** Reads the answer of an observed GET. */
export function decodeWhole(text: string): Whole {
	const value = parse(text);
	const wrong = fault(value, whole);
	if (wrong) throw new LiveError(value['items'] ? 'not_observable' : 'not_wakeful', `the answer is not that of a live list, it has no ${wrong}: ${text.slice(0, 80)}`, 200);
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
