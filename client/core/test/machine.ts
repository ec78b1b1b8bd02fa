// Every kind of state with every kind of event, in the variants that differ, and
// what the machine makes of them, in the words of SPEC.md.
import { LiveError } from '../src/api.js';
import { begin, step, type End, type Event, type Memory, type State, type Surroundings } from '../src/connection.js';

const error = new LiveError('network', 'x', 0, true);
const memory: Memory = { ...begin.memory, opens: true };

const states: Record<string, State> = {
	idle: begin,
	'opening (websocket)': { kind: 'opening', transport: 'websocket', memory },
	'opening (events)': { kind: 'opening', transport: 'events', memory },
	greeting: { kind: 'greeting', transport: 'websocket', memory },
	'online (websocket)': { kind: 'online', transport: 'websocket', beat: 1000, stale: undefined, memory },
	'online (events)': { kind: 'online', transport: 'events', beat: 1000, stale: undefined, memory },
	probing: { kind: 'probing', at: 50_000, transport: 'websocket', beat: 1000, stale: undefined, memory },
	waiting: { kind: 'waiting', until: 60_000, told: false, error, memory },
	'waiting (told)': { kind: 'waiting', until: 60_000, told: true, error, memory },
	'closed (refused)': { kind: 'closed', error, memory },
	'closed (by the app)': { kind: 'closed', error: undefined, memory },
};

const ends: End[] = ['unopened', 'cut', 'told', 'busy', 'wrong', 'renew', 'foreign', 'denied', 'refused'];

const events: Record<string, Event> = {
	wanted: { type: 'wanted' },
	unwanted: { type: 'unwanted' },
	opened: { type: 'opened' },
	hello: { type: 'hello', beat: 1000 },
	proven: { type: 'proven' },
	stale: { type: 'stale', stale: { since: 's', reason: 'r' } },
	'timer, nothing heard': { type: 'timer', heard: 1000 },
	'timer, heard since': { type: 'timer', heard: 59_999 },
	awake: { type: 'awake' },
	doubt: { type: 'doubt' },
	authenticate: { type: 'authenticate' },
	close: { type: 'close', error: undefined },
	...Object.fromEntries(ends.map((end) => [`ended: ${end}`, { type: 'ended', why: { end, error, wait: 700 } } satisfies Event])),
};

export const around: Surroundings = { now: 60_000, random: 0.5, transport: 'auto', token: true, silent: error };

/** One row for each state and event that do something. */
export function table(): string[] {
	const rows: string[] = [];
	for (const [from, state] of Object.entries(states)) {
		for (const [name, event] of Object.entries(events)) {
			const [next, effects] = step(state, event, around);
			if (next === state && !effects.length) continue;
			const to = 'transport' in next && next.kind != 'greeting' && next.kind != 'probing' ? `${next.kind} (${next.transport})` : next.kind;
			const done = effects.map((effect) => (effect.do == 'timer' ? 'timer' : 'transport' in effect ? `${effect.do} ${effect.transport}` : effect.do));
			rows.push(`| ${from} | ${name} | ${to} | ${done.join(', ') || '—'} |`);
		}
	}
	return rows;
}
