// What can be at the other end beside a server of ours: each is told as what it
// is, and what passes heals by itself.
import { createServer, type IncomingMessage, type Server as Http, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { LiveError, type ConnectionState, type LiveList } from '../src/api.js';
import { Connected, world } from '../src/client.js';
import type { Options } from '../src/index.js';

const socket = WebSocket as unknown as NonNullable<Options['WebSocket']>;
const open: { close(): unknown }[] = [];
afterEach(() => {
	for (const one of open.splice(0)) one.close();
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function serve(answer: Answer): Promise<{ http: Http; base: string }> {
	const http = createServer(answer);
	await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
	open.push({ close: () => (http.closeAllConnections(), http.close()) });
	return { http, base: `http://127.0.0.1:${(http.address() as { port: number }).port}` };
}

/** A client whose time passes faster. */
function connect(options: Options, speed = 1): Connected {
	const env = { ...world, now: () => Date.now() * speed, after: (ms: number, what: () => void) => world.after(ms / speed, what) };
	const client = new Connected({ WebSocket: socket, lingerMs: 0, ...options }, env);
	open.push(client);
	return client;
}

async function until<T>(subscribe: (changed: () => void) => () => void, get: () => T, met: (now: T) => boolean): Promise<T> {
	for (;;) {
		if (met(get())) return get();
		await new Promise<void>((resolve) => {
			const leave = subscribe(() => {
				leave();
				resolve();
			});
		});
	}
}

const waiting = (client: Connected): Promise<ConnectionState> => until(client.connection.subscribe, client.connection.get, ({ kind }) => kind == 'waiting' || kind == 'closed');

const problem = (status: number, code: string, headers = {}): Answer => (_request, response) => {
	response.writeHead(status, { 'content-type': 'application/problem+json', ...headers }).end(JSON.stringify({ status, code, title: code, detail: `this is ${code}` }));
};
const html = (status: number): Answer => (_request, response) => void response.writeHead(status, { 'content-type': 'text/html' }).end('<!doctype html><title>Shop</title>');

describe('who answers is no server of ours', () => {
	test.each([
		['HTML with 200', html(200), 'waiting', 'not_wakeful', /answered 200 with text\/html: <!doctype/],
		['HTML with 404, a wrong URL', html(404), 'waiting', 'not_wakeful', /answered 404 with text\/html/],
		['HTML with 502', html(502), 'waiting', 'unavailable', /answered 502/],
		['JSON that is no stream', (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'), 'waiting', 'not_wakeful', /answered 200 with application\/json/],
		['401', problem(401, 'unauthenticated'), 'closed', 'unauthenticated', /this is unauthenticated/],
		['403, and again', problem(403, 'foreign_session'), 'closed', 'foreign_session', /this is foreign_session/],
		['403 of another site', problem(403, 'cross_site'), 'closed', 'cross_site', /this is cross_site/],
		['429', problem(429, 'too_many_sessions', { 'retry-after': '7' }), 'waiting', 'too_many_sessions', /this is too_many/],
		['503', problem(503, 'unavailable'), 'waiting', 'unavailable', /this is unavailable/],
		['410', problem(410, 'session_lost'), 'waiting', 'session_lost', /this is session_lost/],
	] as [string, Answer, ConnectionState['kind'], string, RegExp][])('%s', async (_name, answer, kind, code, message) => {
		for (const transport of ['auto', 'events'] as const) {
			const { base } = await serve(answer);
			const client = connect({ base, transport });
			const list = client.live('/a');
			list.subscribe(() => {});
			const state = (await waiting(client)) as { kind: string; error: LiveError; until?: number };
			expect(state.kind).toBe(kind);
			expect(state.error).toBeInstanceOf(LiveError);
			expect(state.error.code).toBe(code);
			expect(state.error.message).toMatch(message);
			expect(state.error.retry).toBe(kind == 'waiting');
			expect(list.get().status).toBe(kind == 'closed' ? 'error' : 'offline');
			expect(list.get().error).toBe(state.error);
			client.close();
		}
	});

	test('429 is obeyed for as long as it says', async () => {
		const { base } = await serve(problem(429, 'too_many_sessions', { 'retry-after': '9' }));
		const client = connect({ base, transport: 'events' });
		const before = Date.now();
		client.live('/a').subscribe(() => {});
		const state = (await waiting(client)) as Extract<ConnectionState, { kind: 'waiting' }>;
		expect(state.until - before).toBeGreaterThanOrEqual(8900);
		expect(state.until - before).toBeLessThan(15_000);
	});

	test('no server at all', async () => {
		const { base, http } = await serve(html(200));
		await new Promise((resolve) => http.close(resolve));
		const client = connect({ base });
		client.live('/a').subscribe(() => {});
		const state = (await waiting(client)) as { error: LiveError };
		expect(state.error).toMatchObject({ code: 'network', retry: true });
	});
});

/** A WebSocket server that says lines to each client, in answer to its frames. */
async function speak(say: (send: (frame: object | string) => void, frame: { type: string; id?: string } | undefined, times: number) => void, protocol = 'wakeful.v2+json', wrong = false): Promise<string> {
	const { http, base } = await serve(html(404));
	const sockets = new WebSocketServer({ server: http, handleProtocols: (asked) => (wrong ? [...asked][0]! : asked.has(protocol) ? protocol : false) });
	open.push({ close: () => (sockets.clients.forEach((one) => one.terminate()), sockets.close()) });
	let times = 0;
	sockets.on('connection', (one) => {
		const mine = ++times;
		const send = (frame: object | string): void => one.send(typeof frame == 'string' ? frame : JSON.stringify(frame));
		one.on('message', (text: Buffer) => say(send, JSON.parse(text.toString()) as { type: string }, mine));
		say(send, undefined, mine);
	});
	return base;
}

const hello = { type: 'hello', session: 's', heartbeat_ms: 15_000, limits: {} };
const snapshot = { type: 'snapshot', observer: 'o', epoch: 'e', seq: 0, position: 'HIST000000000001', primary_key: 'id', items: [{ id: 1 }], reason: 'subscribe' };

describe('a server of another version', () => {
	const said: [string, string | object, string][] = [
		['what is not JSON', 'hello!', 'protocol'],
		['a frame without a type', { msg: 'added' }, 'protocol'],
		['hello without a heartbeat', { type: 'hello' }, 'protocol'],
		['another frame before hello', snapshot, 'version'],
		['an unknown frame before hello', { type: 'welcome' }, 'version'],
	];
	test.each(said)('%s', async (_name, frame, code) => {
		const base = await speak((send, asked) => !asked && send(frame));
		const client = connect({ base, transport: 'websocket' });
		client.live('/a').subscribe(() => {});
		const state = (await waiting(client)) as { error: LiveError };
		expect(state.error).toMatchObject({ code, retry: true });
	});

	test('one that speaks no version 2 over sockets', async () => {
		const base = await speak(() => {}, 'other');
		const client = connect({ base });
		client.live('/a').subscribe(() => {});
		const state = (await waiting(client)) as { error: LiveError };
		expect(state.error.code).toBe('not_wakeful'); // as fetch finds out
	});

	test('frames of unknown types are ignored, and a frame that does not fit later begins the connection anew', async () => {
		const base = await speak((send, asked, times) => {
			if (!asked) send(hello);
			if (asked?.type == 'subscribe' || asked?.type == 'resume') {
				const resumed = Object.keys((asked as { observers?: object }).observers ?? {}).length;
				if (asked.type == 'resume' && !resumed) return;
				send({ type: 'fanfare' });
				send({ type: 'subscribed', id: asked.id, observer: 'o', epoch: 'e', seq: 0, primary_key: 'id' });
				send(snapshot);
				send({ type: 'progress', position: snapshot.position, whole: true });
				if (times == 1) send({ type: 'changes', observer: 'o', epoch: 'e', seq: 'one' });
			}
		});
		const client = connect({ base, transport: 'websocket' }, 20);
		const list = client.live('/a');
		list.subscribe(() => {});
		const state = (await waiting(client)) as { error: LiveError };
		expect(state.error.code).toBe('protocol');
		expect(list.get()).toMatchObject({ items: [{ id: 1 }], status: 'offline' });
		const had = list.get().items;
		await until((changed) => list.subscribe(changed), () => list.get(), ({ status }) => status == 'live');
		expect(list.get().items).toBe(had);
	});
});

test('an op that is not known is not skipped: the list waits for a snapshot', async () => {
	const healed: LiveError[] = [];
	let ops: object[] = [{ op: 'rotated', key: '1' }];
	const resumes: unknown[] = [];
	const base = await speak((send, asked) => {
		if (!asked) return send(hello);
		if (asked.type == 'subscribe') {
			send({ type: 'subscribed', id: asked.id, observer: 'o', epoch: 'e', seq: 0, primary_key: 'id' });
			send(snapshot);
			send({ type: 'changes', observer: 'o', epoch: 'e', seq: 1, position: 'HIST000000000002', ops });
			send({ type: 'changes', observer: 'o', epoch: 'e', seq: 2, position: 'HIST000000000003', ops: [{ op: 'removed', key: '1' }] });
			send({ type: 'progress', position: 'HIST000000000003', whole: true });
		}
		const { observers = {} } = asked as { observers?: Record<string, object> };
		if (!Object.keys(observers).length) return;
		resumes.push(observers);
		ops = [];
		send({ type: 'subscribed', id: asked.id, observer: 'o', epoch: 'e', seq: 2, primary_key: 'id' });
		send({ ...snapshot, seq: 2, items: [{ id: 2 }], position: 'HIST000000000003', reason: 'resume_gap' });
		send({ type: 'progress', position: 'HIST000000000003', whole: true });
	});
	const client = connect({ base, transport: 'websocket', onHealed: (error) => healed.push(error) });
	const list = client.live('/a');
	const seen: unknown[] = [];
	list.subscribe(() => seen.push([list.get().status, list.get().items]));
	await until((changed) => list.subscribe(changed), () => list.get(), ({ items, status }) => status == 'live' && items[0]?.['id'] == 2);
	expect(resumes).toEqual([{ o: { epoch: '', seq: 0, url: '/a' } }]);
	expect(healed.map(({ code }) => code)).toEqual(['protocol']);
	expect(healed[0]!.message).toMatch(/rotated/);
	expect(seen).not.toContainEqual(['live', []]);
});

describe('a list is refused, the others are not', () => {
	const answers: Record<string, Answer> = {
		'/html': html(200), '/gone': html(404), '/401': problem(401, 'unauthenticated'), '/403': problem(403, 'forbidden'),
		'/422': problem(422, 'unobservable_result'), '/plain': (_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('[1,2]'),
	};
	const streamed: Answer = (request, response) => {
		const { pathname } = new URL(request.url!, 'http://x');
		if (pathname.startsWith('/ws/')) {
			response.writeHead(200, { 'content-type': 'text/event-stream' });
			response.write(`event: hello\ndata: ${JSON.stringify({ ...hello, observers: [] })}\n\n`);
			return;
		}
		if (answers[pathname]) return answers[pathname](request, response);
		response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ...snapshot, type: undefined }));
	};
	test.each([
		['/html', 'not_wakeful', 200, true], ['/gone', 'not_wakeful', 404, true], ['/401', 'unauthenticated', 401, false],
		['/403', 'forbidden', 403, false], ['/422', 'unobservable_result', 422, false], ['/plain', 'not_wakeful', 200, true],
	])('%s', async (path, code, status, retry) => {
		const { base } = await serve(streamed);
		const client = connect({ base, transport: 'events' });
		const good: LiveList<object> = client.live('/good');
		const bad = client.live(path);
		good.subscribe(() => {});
		await expect(bad.ready()).rejects.toMatchObject({ code, status, retry });
		expect((await good.ready()).items).toEqual([{ id: 1 }]);
	});

	test('429 of a list is obeyed, and it heals', async () => {
		let times = 0;
		answers['/busy'] = (request, response) => {
			if (times++) return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ...snapshot, observer: 'busy', type: undefined }));
			problem(429, 'too_many_subscriptions', { 'retry-after': '1' })(request, response);
		};
		const { base } = await serve(streamed);
		const client = connect({ base, transport: 'events' }, 20);
		const list = client.live('/busy');
		const seen: string[] = [];
		list.subscribe(() => seen.push(list.get().status));
		await until((changed) => list.subscribe(changed), () => list.get(), ({ items }) => items.length == 1);
		expect(seen).toContain('error');
	});
});

test('what is wrong with the call is said at once', async () => {
	expect(() => new Connected({}, world)).toThrow(/give base/);
	expect(() => new Connected({ base: 'http://x', transport: 'websocket', WebSocket: undefined as never }, world)).toThrow(/no WebSocket/);
	const client = connect({ base: 'http://x' });
	expect(() => client.live('http://y/a')).toThrow(/not of http:\/\/x/);
	client.close();
	await expect(client.live('/a').ready()).rejects.toMatchObject({ code: 'closed' });
	await expect(client.caughtUp('HIST000000000001')).rejects.toMatchObject({ code: 'closed' });
	await expect(client.caughtUp(undefined)).resolves.toBeUndefined();
});
