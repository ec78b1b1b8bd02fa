import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LiveError } from '../src/api.js';
import { begin, shown, step, type Effect, type End, type Event, type State, type Surroundings } from '../src/connection.js';
import { around, table } from './machine.js';

test('SPEC.md has the table of the code, row by row', () => {
	const spec = readFileSync(new URL('../SPEC.md', import.meta.url), 'utf8');
	const rows = spec.split('\n').filter((line) => /^\| (idle|opening|greeting|online|probing|waiting|closed)[ (]([^|]*\|){4}$/.test(line));
	expect(rows).toEqual(table());
});

const error = new LiveError('network', 'x', 0, true);
const event: fc.Arbitrary<Event> = fc.oneof(
	fc.constantFrom<Event>({ type: 'wanted' }, { type: 'unwanted' }, { type: 'opened' }, { type: 'proven' }, { type: 'awake' }, { type: 'doubt' }, { type: 'authenticate' }),
	fc.record({ type: fc.constant('hello' as const), beat: fc.integer({ min: 500, max: 60_000 }) }),
	fc.record({ type: fc.constant('stale' as const), stale: fc.constantFrom(undefined, { since: 's', reason: 'r' }) }),
	fc.record({ type: fc.constant('timer' as const), heard: fc.nat(200_000) }),
	fc.record({
		type: fc.constant('ended' as const),
		why: fc.record({
			end: fc.constantFrom<End>('unopened', 'cut', 'told', 'busy', 'wrong', 'renew', 'foreign', 'denied', 'refused'),
			error: fc.constant(error),
			wait: fc.nat(120_000),
		}),
	}),
);
const happening = fc.record({ event, later: fc.nat(30_000), random: fc.double({ min: 0, max: 1, noNaN: true }) });

/** Plays events on the machine and on what it commands: a connection, a timer. */
function play(all: { event: Event; later: number; random: number }[], settings: Pick<Surroundings, 'transport' | 'token'>, see: (at: { state: State; event: Event; effects: readonly Effect[]; open: boolean; timer: number | undefined; now: number }) => void): State {
	let state: State = begin;
	let [now, open] = [100_000, false];
	let timer: number | undefined;
	for (const one of all) {
		now += one.later;
		if (one.event.type == 'ended' && !open) continue; // nobody can tell of it
		const [next, effects] = step(state, one.event, { now, random: one.random, silent: error, ...settings });
		for (const effect of effects) {
			if (effect.do == 'open') open = true;
			if (effect.do == 'drop') [open, timer] = [false, undefined];
			if (effect.do == 'timer') timer = effect.at;
		}
		state = next;
		see({ state, event: one.event, effects, open, timer, now });
	}
	return state;
}

describe('laws of the machine', () => {
	const settings = fc.record({ transport: fc.constantFrom('auto' as const, 'websocket' as const, 'events' as const), token: fc.boolean() });

	test('there is a connection exactly where the state has one, and no state but idle and closed is without a timer', () => {
		fc.assert(
			fc.property(fc.array(happening, { maxLength: 60 }), settings, (all, has) => {
				play([{ event: { type: 'wanted' }, later: 0, random: 0 }, ...all], has, ({ state, open, timer }) => {
					expect(open).toBe('transport' in state);
					expect(timer !== undefined).toBe(state.kind != 'idle' && state.kind != 'closed');
				});
			}),
		);
	});

	test('only what is allowed is opened, and one at a time', () => {
		fc.assert(
			fc.property(fc.array(happening, { maxLength: 60 }), settings, (all, has) => {
				let open = 0;
				play([{ event: { type: 'wanted' }, later: 0, random: 0 }, ...all], has, ({ effects }) => {
					for (const effect of effects) {
						if (effect.do == 'drop') open = 0;
						if (effect.do != 'open') continue;
						if (has.transport != 'auto') expect(effect.transport).toBe(has.transport);
						expect(++open).toBe(1);
					}
				});
			}),
		);
	});

	test('a server that says how long to wait is obeyed, also where the tab wakes up', () => {
		fc.assert(
			fc.property(fc.array(happening, { maxLength: 60 }), settings, (all, has) => {
				let until = 0;
				play([{ event: { type: 'wanted' }, later: 0, random: 0 }, ...all], has, ({ event, effects, now, state }) => {
					if (effects.some((effect) => effect.do == 'open') && event.type != 'authenticate' && event.type != 'wanted') expect(now).toBeGreaterThanOrEqual(until);
					if (event.type == 'ended' && event.why.end == 'told' && state.kind == 'waiting') until = now + event.why.wait!;
					if (event.type == 'unwanted' || event.type == 'authenticate') until = 0;
				});
			}),
		);
	});

	test('waits double, are spread, and end at a minute', () => {
		const wait = (attempt: number, random: number): number => {
			const state: State = { kind: 'greeting', transport: 'websocket', memory: { ...begin.memory, attempt } };
			const [next] = step(state, { type: 'ended', why: { end: 'cut', error } }, { ...around, random });
			return (next as Extract<State, { kind: 'waiting' }>).until - around.now;
		};
		expect([0, 1, 2, 3].map((attempt) => wait(attempt, 0.5))).toEqual([250, 500, 1000, 2000]);
		fc.assert(
			fc.property(fc.nat(1000), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
				const slot = Math.min(30_000, 250 * 2 ** attempt);
				expect(wait(attempt, random)).toBeGreaterThanOrEqual(slot / 2);
				expect(wait(attempt, random)).toBeLessThanOrEqual(slot * 1.5);
			}),
		);
	});

	test('who closes is closed for good', () => {
		fc.assert(
			fc.property(fc.array(happening, { maxLength: 30 }), settings, (all, has) => {
				const close = { event: { type: 'close', error: undefined } as Event, later: 0, random: 0 };
				const state = play([{ event: { type: 'wanted' }, later: 0, random: 0 }, close, ...all], has, () => {});
				expect(shown(state)).toEqual({ kind: 'closed', error: undefined });
			}),
		);
	});

	test('a refused token is asked for once more, a refused session begun anew once: then it is over', () => {
		const ended = (end: End): Event => ({ type: 'ended', why: { end, error } });
		for (const [end, first] of [['denied', 'opening'], ['foreign', 'opening']] as const) {
			const kinds: string[] = [];
			play(
				[{ type: 'wanted' } as Event, ended(end), ended(end)].map((each) => ({ event: each, later: 1, random: 0 })),
				{ transport: 'auto', token: true },
				({ state }) => kinds.push(state.kind),
			);
			expect(kinds).toEqual(['opening', first, 'closed']);
		}
		expect(step({ kind: 'greeting', transport: 'websocket', memory: begin.memory }, ended('denied'), { ...around, token: false })[0].kind).toBe('closed');
	});
});
