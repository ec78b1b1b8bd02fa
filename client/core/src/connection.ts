// The connection as a pure state machine: what happens, and what is to be done
// about it. Its table is in SPEC.md, and a test holds the two against each other.
import type { ConnectionState, LiveError } from './api.js';

export type Transport = 'websocket' | 'events';

/** What ended a connection, or an attempt at one, by what follows from it. */
export type End =
	| 'unopened' // a socket that never opened: no network, no server, or something blocks WebSockets
	| 'cut' // come back after a while, longer each time
	| 'told' // come back after the wait that the server says
	| 'busy' // come back, but not soon
	| 'wrong' // what answers is no server of ours: likewise
	| 'renew' // come back as another session
	| 'foreign' // as another session, once
	| 'denied' // with a fresh token, once
	| 'refused'; // for good

export interface Why {
	readonly end: End;
	readonly error: LiveError;
	/** How long to wait at least, in ms. */
	readonly wait?: number;
}

/** The server cannot say how current it is. */
export interface Stale {
	readonly since: string;
	readonly reason: string;
}

/** What is known beyond one attempt. */
export interface Memory {
	/** Attempts in a row that came to nothing. */
	readonly attempt: number;
	/** A WebSocket has worked. */
	readonly opens: boolean;
	/** Sockets in a row that never opened. */
	readonly unopened: number;
	/** The last token, or the last session, was refused. */
	readonly denied: boolean;
	readonly foreign: boolean;
}

export type State =
	| { readonly kind: 'idle'; readonly memory: Memory }
	| { readonly kind: 'opening'; readonly transport: Transport; readonly memory: Memory }
	| { readonly kind: 'greeting'; readonly transport: Transport; readonly memory: Memory }
	| { readonly kind: 'online'; readonly transport: Transport; readonly beat: number; readonly stale: Stale | undefined; readonly memory: Memory }
	/** online, and the server was asked at that time whether it is still there */
	| { readonly kind: 'probing'; readonly at: number; readonly transport: Transport; readonly beat: number; readonly stale: Stale | undefined; readonly memory: Memory }
	| { readonly kind: 'waiting'; readonly until: number; readonly told: boolean; readonly error: LiveError; readonly memory: Memory }
	| { readonly kind: 'closed'; readonly error: LiveError | undefined; readonly memory: Memory };

export type Event =
	| { readonly type: 'wanted' } // something is followed
	| { readonly type: 'unwanted' } // nothing is followed any more
	| { readonly type: 'opened' }
	| { readonly type: 'hello'; readonly beat: number }
	| { readonly type: 'proven' } // the server has answered for the session
	| { readonly type: 'stale'; readonly stale: Stale | undefined } // undefined: no longer
	| { readonly type: 'ended'; readonly why: Why }
	| { readonly type: 'timer'; readonly heard: number } // heard: when something came last
	| { readonly type: 'awake' } // the network is back, or the tab
	| { readonly type: 'doubt' } // the network is said to be gone
	| { readonly type: 'authenticate' } // there is a fresh token
	| { readonly type: 'close'; readonly error: LiveError | undefined };

export type Effect =
	| { readonly do: 'open'; readonly transport: Transport }
	| { readonly do: 'drop' } // the connection, without waiting for its end
	| { readonly do: 'timer'; readonly at: number } // the one timer; the last one counts
	| { readonly do: 'ping' }
	| { readonly do: 'start'; readonly transport: Transport } // hello has come: say who asks, and for what
	| { readonly do: 'renew' } // another session id
	| { readonly do: 'token' }; // the fresh one, over the open connection

/** What a step can see beside the state and the event. */
export interface Surroundings {
	readonly now: number;
	/** From 0 to 1. */
	readonly random: number;
	/** Which transports may be used. */
	readonly transport: 'auto' | Transport;
	/** There is somebody to ask for a token. */
	readonly token: boolean;
	readonly silent: LiveError; // said of a connection on which nothing comes
}

const fresh: Memory = { attempt: 0, opens: false, unopened: 0, denied: false, foreign: false };
export const begin: State = { kind: 'idle', memory: fresh };

const OPENING = 10_000;
const ANSWER = 5_000;
const LONG = 5_000;

/** How long nothing may come before the server is asked. */
const patience = (beat: number): number => beat * 1.25 + 1000;

type Step = readonly [State, readonly Effect[]];

export function step(state: State, event: Event, around: Surroundings): Step {
	const { memory } = state;
	switch (event.type) {
		case 'close':
			return state.kind == 'closed' ? [state, []] : [{ kind: 'closed', error: event.error, memory }, [{ do: 'drop' }]];
		case 'unwanted':
			return state.kind == 'closed' ? [state, []] : [{ kind: 'idle', memory: { ...memory, attempt: 0 } }, [{ do: 'drop' }]];
		case 'authenticate':
			return authenticate(state, around);
		case 'ended':
			return 'transport' in state ? ended(state, event.why, around) : [state, []];
		case 'timer':
			return timer(state, event.heard, around);
		case 'wanted':
			return state.kind == 'idle' ? open(memory, first(around), around) : [state, []];
		case 'opened':
			return state.kind == 'opening'
				? [{ ...state, kind: 'greeting' }, [{ do: 'timer', at: around.now + OPENING }]]
				: [state, []];
		case 'hello':
			return hello(state, event.beat, around);
		case 'proven':
			return 'beat' in state ? [{ ...state, memory: { ...fresh, opens: memory.opens } }, []] : [state, []];
		case 'stale':
			return 'beat' in state ? [{ ...state, stale: event.stale }, []] : [state, []];
		case 'awake':
			if (state.kind == 'waiting' && !state.told) return open(memory, first(around), around);
			return probe(state, around);
		case 'doubt':
			return probe(state, around);
	}
}

function first({ transport }: Surroundings): Transport {
	return transport == 'events' ? 'events' : 'websocket';
}

function open(memory: Memory, transport: Transport, { now }: Surroundings): Step {
	return [{ kind: 'opening', transport, memory }, [{ do: 'open', transport }, { do: 'timer', at: now + OPENING }]];
}

function hello(state: State, beat: number, { now }: Surroundings): Step {
	if (state.kind != 'greeting') return [state, []];
	const memory = state.transport == 'websocket' ? { ...state.memory, opens: true, unopened: 0 } : state.memory;
	return [{ kind: 'online', transport: state.transport, beat, stale: undefined, memory }, [{ do: 'start', transport: state.transport }, { do: 'timer', at: now + patience(beat) }]];
}

/** Asks the server whether it is there. Streams have no ping: who has been silent for too long is gone. */
function probe(state: State, { now }: Surroundings): Step {
	if (state.kind != 'online' || state.transport == 'events') return [state, []];
	return [{ ...state, kind: 'probing', at: now }, [{ do: 'ping' }, { do: 'timer', at: now + ANSWER }]];
}

function timer(state: State, heard: number, around: Surroundings): Step {
	const { now, silent } = around;
	switch (state.kind) {
		case 'waiting':
			return now >= state.until ? open(state.memory, first(around), around) : [state, [{ do: 'timer', at: state.until }]];
		case 'opening':
			return ended(state, { end: 'unopened', error: silent }, around);
		case 'greeting':
			return ended(state, { end: 'cut', error: silent }, around);
		case 'probing':
			if (heard <= state.at) return ended(state, { end: 'cut', error: silent }, around);
			return [online(state), [{ do: 'timer', at: heard + patience(state.beat) }]];
		case 'online': {
			const due = heard + patience(state.beat);
			if (now < due) return [state, [{ do: 'timer', at: due }]];
			return state.transport == 'events' ? ended(state, { end: 'cut', error: silent }, around) : probe(state, around);
		}
		default:
			return [state, []];
	}
}

function online({ transport, beat, stale, memory }: Extract<State, { readonly kind: 'probing' }>): State {
	return { kind: 'online', transport, beat, stale, memory };
}

function authenticate(state: State, around: Surroundings): Step {
	const memory = { ...state.memory, denied: false, foreign: false };
	switch (state.kind) {
		case 'closed':
			return state.error ? open(memory, first(around), around) : [state, []];
		case 'waiting':
			return [{ ...state, memory }, []];
		case 'online':
		case 'probing':
			// A stream brings its token when it is asked for.
			if (state.transport == 'events') {
				const [next, effects] = open(memory, 'events', around);
				return [next, [{ do: 'drop' }, ...effects]];
			}
			return [{ ...state, memory }, [{ do: 'token' }]];
		default:
			return [state, []];
	}
}

/** Doubles with each attempt, and is spread over twice its half, so that a crowd does not come back at once. */
function backoff(attempt: number, random: number): number {
	const slot = Math.min(30_000, 250 * 2 ** attempt);
	return slot / 2 + random * slot;
}

type Connected = Extract<State, { readonly transport: Transport }>;

function ended(state: Connected, why: Why, around: Surroundings): Step {
	const drop: Effect = { do: 'drop' };
	const socket = state.transport == 'websocket' && why.end == 'unopened';
	const unopened = state.memory.unopened + Number(socket);
	const memory = { ...state.memory, attempt: state.memory.attempt + 1, unopened };
	const again = (next: Memory, ...effects: Effect[]): Step => {
		const [opening, opens] = open(next, first(around), around);
		return [opening, [drop, ...effects, ...opens]];
	};
	const wait = (least: number, told = false, ...effects: Effect[]): Step => {
		const until = around.now + (told ? least : Math.max(least, backoff(state.memory.attempt, around.random)));
		return [{ kind: 'waiting', until, told, error: why.error, memory }, [drop, ...effects, { do: 'timer', at: until }]];
	};
	const closed = (): Step => [{ kind: 'closed', error: why.error, memory: state.memory }, [drop]];
	switch (why.end) {
		case 'unopened':
			// A stream tells a network without WebSockets from no network at all. Where
			// sockets have worked, that needs more than one which did not.
			if (socket && around.transport == 'auto' && (!memory.opens || unopened % 3 == 0)) {
				const [opening, opens] = open({ ...memory, attempt: state.memory.attempt }, 'events', around);
				return [opening, [drop, ...opens]];
			}
			return wait(0);
		case 'cut':
			return wait(why.wait ?? 0);
		case 'told':
			return wait(why.wait ?? 0, true);
		case 'busy':
		case 'wrong':
			return wait(Math.max(why.wait ?? 0, LONG));
		case 'renew':
			return wait(0, false, { do: 'renew' });
		case 'foreign':
			return memory.foreign ? closed() : again({ ...memory, foreign: true }, { do: 'renew' });
		case 'denied':
			return memory.denied || !around.token ? closed() : again({ ...memory, denied: true });
		case 'refused':
			return closed();
	}
}

/** What an app is shown of a state. */
export function shown(state: State): ConnectionState {
	switch (state.kind) {
		case 'opening':
		case 'greeting':
			return { kind: 'connecting', attempt: state.memory.attempt };
		case 'online':
		case 'probing':
			return state.stale ? { kind: 'stale', ...state.stale } : { kind: 'online', transport: state.transport };
		case 'waiting':
			return { kind: 'waiting', until: state.until, error: state.error };
		case 'closed':
			return { kind: 'closed', error: state.error };
		default:
			return { kind: 'idle' };
	}
}
