import { createClient, LiveError, type Client } from '@wakeful/client';
import { BasicIndex, createCollection, createLiveQueryCollection, eq, gt } from '@tanstack/db';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { wakefulCollectionOptions } from '../src/index.js';
import { Server } from '../../testing/server.js';

interface Row {
	id: number;
	score: number;
}

let server: Server;
let client: Client;

beforeEach(() => {
	server = new Server();
	client = createClient({ base: 'http://app.test/', transport: 'websocket', WebSocket: server.WebSocket, lingerMs: 20 });
});

afterEach(() => {
	vi.restoreAllMocks();
	client.close();
});

const rows = (n: number, score = 0): Row[] => Array.from({ length: n }, (_, id) => ({ id, score }));
const posts = (url = '/posts') => createCollection(wakefulCollectionOptions({ client, url, getKey: (row: Row) => row.id, autoIndex: 'eager', defaultIndexType: BasicIndex }));
const plain = (all: Iterable<Row>): string => [...all].map(({ id, score }) => `${id}:${score}`).join(' ');

test('a live query over collections moves with its lists', async () => {
	server.lists.set('/posts', rows(3));
	server.lists.set('/votes', rows(3));
	const [post, vote] = [posts('/posts'), posts('/votes')];
	const liked = createLiveQueryCollection((q) =>
		q.from({ post }).join({ vote }, ({ post: a, vote: b }) => eq(a.id, b.id), 'inner').where(({ vote: b }) => gt(b.score, 4)).select(({ post: a, vote: b }) => ({ id: a.id, score: b.score })),
	);
	await liked.preload();
	expect(liked.size).toBe(0);
	server.change(1, { score: 5 }, '/votes');
	await vi.waitFor(() => expect(plain(liked.toArray)).toBe('1:5'));
	server.change(1, { score: 1 }, '/votes');
	await vi.waitFor(() => expect(liked.size).toBe(0));
});

test('what did not change is not written, and each commit is one change', async () => {
	server.lists.set('/posts', rows(100));
	const collection = posts();
	await collection.preload();
	const told: string[] = [];
	collection.subscribeChanges((changes) => told.push(changes.map(({ type, key }) => `${type} ${key}`).join()), { includeInitialState: true });
	expect(told.splice(0).join().split(',')).toHaveLength(100);
	server.change(7, { score: 1 }, '/posts');
	await vi.waitFor(() => expect(told).toEqual(['update 7']));
	server.ops('/posts', { op: 'removed', key: '99' }, { op: 'added', key: '200', order: 0, item: { id: 200, score: 3 } });
	await vi.waitFor(() => expect(collection.has(200)).toBe(true));
	expect(told.slice(1).join().split(',').sort()).toEqual(['delete 99', 'insert 200']);
	expect(collection.size).toBe(100);
});

test('a list that is replaced altogether is', async () => {
	server.lists.set('/posts', rows(3));
	const collection = posts();
	await collection.preload();
	server.ops('/posts', ...[0, 1, 2].map((key) => ({ op: 'removed', key: String(key) })), { op: 'added', key: '9', order: 0, item: { id: 9, score: 9 } });
	await vi.waitFor(() => expect(plain(collection.values())).toBe('9:9'));
	expect(collection.status).toBe('ready');
});

test('a mutation is shown at once, until its effects are there', async () => {
	server.lists.set('/posts', rows(1));
	const answers: ((response: Response) => void)[] = [];
	const collection = createCollection(
		wakefulCollectionOptions({
			client,
			url: '/posts',
			getKey: (row: Row) => row.id,
			onUpdate: () => new Promise<Response>((resolve) => answers.push(resolve)),
		}),
	);
	await collection.preload();
	const seen: number[] = [];
	collection.subscribeChanges(() => seen.push(collection.get(0)!.score));
	const write = collection.update(0, (row) => void (row.score = 5));
	expect(collection.get(0)!.score).toBe(5);
	await vi.waitFor(() => expect(answers).toHaveLength(1));
	// Its position is answered before its effects are there.
	answers[0]!(new Response('', { headers: { 'wakeful-position': server.at(1) } }));
	await new Promise((resolve) => setImmediate(resolve));
	expect(write.state).toBe('persisting');
	expect(collection.get(0)!.score).toBe(5);
	server.change(0, { score: 6 }, '/posts'); // the server made something else of it
	await write.isPersisted.promise;
	expect(collection.get(0)!.score).toBe(6);
	expect(seen).not.toContain(0);
});

test('a mutation that is refused is taken back', async () => {
	server.lists.set('/posts', rows(1));
	const refuse = async (): Promise<Response> => new Response('', { status: 409 });
	const collection = createCollection(wakefulCollectionOptions({ client, url: '/posts', getKey: (row: Row) => row.id, onInsert: refuse, onDelete: refuse }));
	await collection.preload();
	const insert = collection.insert({ id: 5, score: 1 });
	expect(collection.has(5)).toBe(true);
	await expect(insert.isPersisted.promise).rejects.toMatchObject({ status: 409 });
	expect(plain(collection.values())).toBe('0:0');
	await expect(collection.delete(0).isPersisted.promise).rejects.toBeInstanceOf(LiveError);
	expect(plain(collection.values())).toBe('0:0');
});

test('a list that is refused is the error of the collection', async () => {
	const collection = posts('/secret');
	await expect(collection.preload()).rejects.toMatchObject({ code: 'forbidden' });
	expect(collection.status).toBe('error');
	expect(collection.utils.list.get().error?.code).toBe('forbidden');
});

test('cleaned up it follows nothing, and used again it is true', async () => {
	server.lists.set('/posts', rows(1));
	const collection = posts();
	await collection.preload();
	await collection.cleanup();
	await vi.waitFor(() => expect(server.followed.size).toBe(0));
	server.lists.set('/posts', rows(2, 8));
	await collection.preload();
	expect(plain(collection.values())).toBe('0:8 1:8');
});

test('the types are those of the rows', async () => {
	server.lists.set('/posts', rows(1));
	const collection = createCollection(wakefulCollectionOptions({ client, url: '/posts', getKey: (row: Row) => row.id }));
	await collection.preload();
	const score: number | undefined = collection.get(0)?.score;
	expect(score).toBe(0);
	// @ts-expect-error: rows have no such field
	expect(collection.get(0)?.title).toBe(undefined);
	// @ts-expect-error: keys are numbers
	expect(collection.get('0')).toBe(undefined);
});
