import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commands, known, play } from './model.js';

const runs = process.env['WAKEFUL_LONG'] ? 20_000 : 200;

test.each(['websocket', 'events', 'auto'] as const)('over %s lists are never wrong, and all change together', { timeout: 600_000 }, async (transport) => {
	await fc.assert(
		fc.asyncProperty(commands, fc.nat(), async (history, seed) => {
			expect(await play(transport, history, seed)).toEqual([]);
		}),
		{ numRuns: runs, examples: known },
	);
});
