import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commands, known, play } from './model.js';

// A short run is the same each time; what is new is looked for by long ones.
const extent = process.env['WAKEFUL_LONG'] ? { numRuns: 20_000 } : { numRuns: 200, seed: 20_261_124 };

test.each(['websocket', 'events', 'auto'] as const)('over %s lists are never wrong, and all change together', { timeout: 600_000 }, async (transport) => {
	await fc.assert(
		fc.asyncProperty(commands, fc.nat(), async (history, seed) => {
			expect(await play(transport, history, seed)).toEqual([]);
		}),
		{ ...extent, examples: known },
	);
});
