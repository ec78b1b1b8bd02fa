// The client against `wakeful serve` on SQLite, over both transports.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { createClient, type LiveList, type Options } from '../src/index.js';
import { build, Served } from './server.js';

const binary = build();
if (!binary && process.env['CI'] == 'true') throw new Error('no Go to build wakeful with');

interface Post {
	id: number;
	title: string;
	score: number;
}

const socket = WebSocket as unknown as NonNullable<Options['WebSocket']>;
/** A WebSocket that a network does not let through. */
const blocked = class {
	constructor() {
		queueMicrotask(() => (this as unknown as { onclose: (event: object) => void }).onclose({ code: 1006, reason: '' }));
	}
	close(): void {}
} as unknown as NonNullable<Options['WebSocket']>;

/** Waits for a state of a list. */
async function until<T>(list: LiveList<T>, met: (items: readonly T[], status: string) => boolean): Promise<void> {
	const signal = AbortSignal.timeout(30_000);
	await new Promise<void>((resolve, reject) => {
		const look = (): void => {
			const { items, status } = list.get();
			if (met(items, status)) finish(resolve);
		};
		const leave = list.subscribe(look);
		const late = (): void => finish(() => reject(new Error(`still ${JSON.stringify(list.get())}`)));
		const finish = (how: () => void): void => {
			leave();
			signal.removeEventListener('abort', late);
			how();
		};
		signal.addEventListener('abort', late);
		look();
	});
}

describe.skipIf(!binary)('wakeful serve', { timeout: 60_000 }, () => {
	const server = new Served(binary!);
	beforeAll(() => server.start(), 60_000);
	afterAll(() => server.end());

	const ways: [string, Partial<Options>][] = [
		['a WebSocket', { WebSocket: socket, transport: 'websocket' }],
		['events', { transport: 'events' }],
		['events where WebSockets are blocked', { WebSocket: blocked }],
	];
	const post = (client: ReturnType<typeof createClient>, title: string, score: number): Promise<Response> =>
		client.fetch('/api/posts', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ title, score }) });

	let above = 0; // what other tests have left
	test.each(ways)('over %s: follow, write, read it, cut, restart', async (_name, options) => {
		above += 1000;
		const healed: unknown[] = [];
		const client = createClient({ base: server.base, onHealed: (error) => healed.push(error), ...options });
		const all = client.live<Post>('/api/posts?ordering=-score,id');
		const best = client.live<Post>(`/api/posts?score__gt=${above}`);
		const leave = [all.subscribe(() => {}), best.subscribe(() => {})];
		await Promise.all([all.ready(), best.ready()]);

		const written = await post(client, 'first', above + 1);
		expect(written.status).toBe(201);
		await client.caughtUp(written);
		expect(all.get().items[0]?.title).toBe('first');
		expect(best.get().items.map(({ title }) => title)).toContain('first');
		expect(all.get().status).toBe('live');

		const { id } = (await written.json()) as Post;
		const other = all.get().items[1];
		const shown = all.optimistic(
			(items) => items.map((item) => (item.id == id ? { ...item, title: 'soon' } : item)),
			() => client.fetch(`/api/posts/${id}`, { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: '{"title":"later"}' }),
		);
		expect(all.get().items[0]?.title).toBe('soon');
		expect(all.get().pending).toBe(true);
		await client.caughtUp(await shown);
		expect(all.get().items[0]?.title).toBe('later');
		expect(all.get().pending).toBe(false);
		expect(all.get().items[1]).toBe(other);

		await server.stop();
		await until(all, (_items, status) => status == 'offline');
		await server.start();
		const again = await fetch(`${server.base}/api/posts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ title: 'after', score: above + 2 }) });
		expect(again.status).toBe(201);
		await until(all, (items, status) => status == 'live' && items[0]?.title == 'after');
		await until(best, (items, status) => status == 'live' && items.some(({ title }) => title == 'after'));
		const plain = (await (await fetch(`${server.base}/api/posts?ordering=-score,id`)).json()) as { results: Post[] };
		expect(all.get().items).toEqual(plain.results);

		leave.forEach((each) => each());
		client.close();
		expect(healed).toEqual([]);
		await fetch(`${server.base}/api/posts/${id}`, { method: 'DELETE' });
	});

	test('what is asked for wrongly is refused with the words of the server', async () => {
		for (const [, options] of ways) {
			const client = createClient({ base: server.base, ...options });
			await expect(client.live('/api/posts?colour=red').ready()).rejects.toMatchObject({ name: 'LiveError', retry: expect.any(Boolean) as boolean });
			await expect(client.live('/api/nothing').ready()).rejects.toMatchObject({ name: 'LiveError' });
			client.close();
		}
	});

	test('hundreds of lists on one connection, and each write is seen by those that it touches', async () => {
		const client = createClient({ base: server.base, WebSocket: socket });
		const lists = Array.from({ length: 300 }, (_, i) => client.live<Post>(`/api/posts?score=${100_000 + i}`));
		const leave = lists.map((list) => list.subscribe(() => {}));
		await Promise.all(lists.map((list) => list.ready()));
		await client.caughtUp(await post(client, 'x', 100_042));
		expect(lists.filter((list) => list.get().items.length == 1)).toEqual([lists[42]]);
		leave.forEach((each) => each());
		client.close();
	});
});
