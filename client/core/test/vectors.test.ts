// The vectors in wire/testdata, which the server's tests read too.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decode, decodeWhole, encode, type Item, type Message } from '../src/decode.js';
import { List } from '../src/list.js';
import { events } from '../src/transport.js';

interface Vector {
	name: string;
	frame: Record<string, unknown>;
}

// Frames as they are written, so that numbers stay what they are.
function texts(file: string): { name: string; text: string }[] {
	const all = readFileSync(new URL(`../../../wire/testdata/${file}`, import.meta.url), 'utf8');
	return [...all.matchAll(/^\{"name": ("[^\n]*"),\n "frame": (.*)\},?$/gm)].map(([, name, text]) => ({ name: JSON.parse(name!) as string, text: text! }));
}

function read<T>(file: string): T[] {
	return JSON.parse(readFileSync(new URL(`../../../wire/testdata/${file}`, import.meta.url), 'utf8')) as T[];
}

describe('v2_server.json', () => {
	const all = texts('v2_server.json');
	test('all are read', () => expect(all.length).toBe(read('v2_server.json').length));
	test.each(all)('$name', ({ text }) => {
		const frame = decode(text);
		const raw = JSON.parse(text) as { type: string };
		if (['hello', 'subscribed', 'changes', 'snapshot', 'progress', 'stale', 'closed', 'error', 'pong', 'close'].includes(raw.type)) expect(frame).toEqual(raw);
		else expect(frame).toBeUndefined();
	});
	test.each(all)('$name: no member may be of another kind', ({ text }) => {
		const raw = JSON.parse(text) as Record<string, unknown>;
		if (!decode(text)) return;
		const needed = Object.keys(raw).filter((name) => {
			try {
				decode(JSON.stringify({ ...raw, [name]: undefined }));
				return false;
			} catch {
				return true;
			}
		});
		expect(needed).toContain('type');
		for (const name of needed) expect(() => decode(JSON.stringify({ ...raw, [name]: null }))).toThrow(/the server sent/);
	});
});

test.each(['', 'x', '[]', 'null', '1', '{}', '{"type":1}', '<!doctype html>', '{"type":"hello"}', '{"type":"changes","seq":-1}'])('%s is no frame', (text) => {
	expect(() => decode(text)).toThrow(/the server sent/);
});

test('types that are not known are ignored, whatever they are called', () => {
	for (const type of ['later', 'constructor', '__proto__', 'toString']) expect(decode(JSON.stringify({ type }))).toBeUndefined();
});

test('v2_client.json: what the client says is written as the server reads it', () => {
	const all = texts('v2_client.json');
	expect(all.length).toBe(read('v2_client.json').length);
	for (const { name, text } of all) {
		if (name == 'resume without urls') continue; // a sequence number that only other languages can count to
		expect(encode(JSON.parse(text) as Message), name).toBe(text);
	}
});

describe('http.json', () => {
	const all = read<Vector>('http.json');
	test.each(all.filter(({ name }) => name.startsWith('envelope') && name != 'envelope of a long poll'))('$name', ({ frame }) => {
		expect(decodeWhole(JSON.stringify(frame))).toEqual(frame);
	});
	test.each(all.filter(({ name }) => !name.startsWith('envelope') || name == 'envelope of a long poll'))('$name is no list', ({ frame }) => {
		expect(() => decodeWhole(JSON.stringify(frame))).toThrow(/not that of a live list/);
	});
	test('HTML is none either', () => expect(() => decodeWhole('<!doctype html><title>Shop</title>')).toThrow(/not that of a live list.*<!doctype/));
});

describe('events.json', () => {
	const all = read<{ name: string; id: string; message: string; text: string }>('events.json');
	test.each(all)('$name', ({ id, message, text }) => {
		for (const size of [1, 2, 7, 1000]) {
			const got: [string, string][] = [];
			const parse = events((data, id) => got.push([data, id]), { beat() {} });
			for (let at = 0; at < text.length; at += size) parse(text.slice(at, at + size));
			expect(got.length).toBe(1);
			expect(JSON.parse(got[0]![0])).toEqual(JSON.parse(message));
			expect(got[0]![1]).toBe(id);
		}
	});
	test('comments are heard, and are no events', () => {
		let beats = 0;
		events(() => expect.fail('no event'), { beat: () => beats++ })(':\n\n: still here\n\n');
		expect(beats).toBe(1);
	});
});

describe('apply_v2.json', () => {
	const all = read<{ name: string; primary_key: string; keys?: string[]; before: Item[]; frames: Record<string, unknown>[]; after: Item[]; meta?: unknown }>('apply_v2.json');
	test.each(all)('$name', ({ primary_key, keys, before, frames, after, meta }) => {
		let list = List.of({ observer: '0a', epoch: 'e', seq: 0, position: 'p', primary_key, items: before, ...(keys && { keys }) });
		let [epoch, seq] = ['e', 0];
		for (const raw of frames) {
			const frame = decode(JSON.stringify(raw))!;
			if (frame.type == 'snapshot') list = List.of(frame, list);
			else if (frame.type == 'changes' && !(frame.epoch == epoch && frame.seq <= seq)) list = list.apply(frame.ops);
			else continue;
			({ epoch, seq } = frame);
		}
		expect(list.items).toEqual(after);
		expect(list.meta).toEqual(meta);
		expect(list.keys.length).toBe(after.length);
	});
});
