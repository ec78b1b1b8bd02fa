// @vitest-environment jsdom
import { createClient, LiveError, type Client } from '@wakeful/client';
import { dehydrate, hydrate, QueryClient, QueryClientProvider, useQuery, useSuspenseQuery } from '@tanstack/react-query';
import { act, cleanup, render, screen, waitFor } from '@testing-library/react';
import { StrictMode, Suspense, type ReactNode } from 'react';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { livePageOptions, liveQueryOptions } from '../src/index.js';
import { Server } from '../../testing/server.js';

interface Row {
	id: number;
	score: number;
}

let server: Server;
let client: Client;
let cache: QueryClient;

beforeEach(() => {
	server = new Server();
	client = createClient({ base: 'http://app.test/', transport: 'websocket', WebSocket: server.WebSocket, lingerMs: 20 });
	cache = new QueryClient();
});

afterEach(() => {
	cleanup();
	cache.clear();
	client.close();
});

const rows = (n: number, score = 0): Row[] => Array.from({ length: n }, (_, id) => ({ id, score }));
const scores = (data: readonly Row[] | undefined): string => `scores ${(data ?? []).map((row) => row.score)}`;

function App(props: { children: ReactNode }): ReactNode {
	return (
		<StrictMode>
			<QueryClientProvider client={cache}>{props.children}</QueryClientProvider>
		</StrictMode>
	);
}

function Posts({ url = '/posts' }: { url?: string }): ReactNode {
	const { data, error, status } = useQuery(liveQueryOptions<Row>(client, url));
	return <p>{error ? `${status} ${error.code}` : scores(data)}</p>;
}

test('a query is fed while it is observed, over one subscription, and no longer', async () => {
	server.lists.set('/posts', rows(2));
	const page = render(<App><Posts /><Posts /></App>);
	expect(await screen.findAllByText('scores 0,0')).toHaveLength(2);
	const before = cache.getQueryData(liveQueryOptions<Row>(client, '/posts').queryKey)!;
	act(() => server.change(1, { score: 7 }, '/posts'));
	expect(await screen.findAllByText('scores 0,7')).toHaveLength(2);
	expect(cache.getQueryData(liveQueryOptions<Row>(client, '/posts').queryKey)![0]).toBe(before[0]);
	expect(server.subscriptions).toBe(1);
	page.unmount();
	await waitFor(() => expect(server.followed.size).toBe(0));
});

test('who comes back after nobody looked is shown the truth', async () => {
	server.lists.set('/posts', rows(1));
	const page = render(<App><Posts /></App>);
	await screen.findByText('scores 0');
	page.unmount();
	await waitFor(() => expect(server.followed.size).toBe(0));
	server.lists.set('/posts', rows(1, 5));
	render(<App><Posts /></App>);
	await screen.findByText('scores 5');
	act(() => server.change(0, { score: 6 }, '/posts'));
	await screen.findByText('scores 6');
});

test('what was rendered elsewhere is shown at once and then fed', async () => {
	const { queryKey } = liveQueryOptions<Row>(client, '/posts');
	const elsewhere = new QueryClient();
	elsewhere.setQueryData(queryKey, [{ id: 0, score: 1 }]);
	hydrate(cache, dehydrate(elsewhere));
	server.lists.set('/posts', rows(1, 2));
	const Shown = (): ReactNode => <p>{scores(useSuspenseQuery(liveQueryOptions<Row>(client, '/posts')).data)}</p>;
	render(<App><Suspense fallback="wait"><Shown /></Suspense></App>);
	expect(screen.getByText('scores 1')).toBeTruthy();
	await screen.findByText('scores 2');
	act(() => server.change(0, { score: 3 }, '/posts'));
	await screen.findByText('scores 3');
});

test('suspense waits, and is fed from then on', async () => {
	server.lists.set('/posts', rows(1));
	const Shown = (): ReactNode => <p>{scores(useSuspenseQuery(liveQueryOptions<Row>(client, '/posts')).data)}</p>;
	render(<App><Suspense fallback={<p>wait</p>}><Shown /></Suspense></App>);
	expect(screen.getByText('wait')).toBeTruthy();
	await screen.findByText('scores 0');
	act(() => server.change(0, { score: 4 }, '/posts'));
	await screen.findByText('scores 4');
	expect(server.subscriptions).toBe(1);
});

test('a refusal is the error of the query, and of who prefetches', async () => {
	render(<App><Posts url="/secret" /></App>);
	await screen.findByText('error forbidden');
	await expect(cache.fetchQuery(liveQueryOptions(client, '/hidden'))).rejects.toBeInstanceOf(LiveError);
});

test('invalidation and a cache written by hand end at the truth', async () => {
	server.lists.set('/posts', rows(1));
	render(<App><Posts /></App>);
	await screen.findByText('scores 0');
	const { queryKey } = liveQueryOptions<Row>(client, '/posts');
	act(() => void cache.setQueryData(queryKey, [{ id: 0, score: 99 }]));
	await screen.findByText('scores 99');
	await act(() => cache.invalidateQueries({ queryKey }));
	await screen.findByText('scores 0');
	expect(server.subscriptions).toBe(1);
});

test('lists that change together are rendered together', async () => {
	server.lists.set('/a', rows(1));
	server.lists.set('/b', rows(1));
	const seen = new Set<string>();
	const Both = (): ReactNode => {
		const a = useQuery(liveQueryOptions<Row>(client, '/a')).data?.[0]?.score;
		const b = useQuery(livePageOptions<Row>(client, '/b')).data?.items[0]?.score;
		if (a !== undefined && b !== undefined) seen.add(`${a}=${b}`);
		return <p>{`at ${a} ${b}`}</p>;
	};
	render(<App><Both /></App>);
	await screen.findByText('at 0 0');
	for (let n = 1; n <= 30; n++) {
		server.change(0, { score: n }, '/a', '/b');
		if (n % 5 == 0) await screen.findByText(`at ${n} ${n}`);
	}
	for (const pair of seen) expect(pair.split('=')[0]).toBe(pair.split('=')[1]);
	expect(seen.size).toBeGreaterThan(3);
});

test('a query that is disabled follows nothing', async () => {
	server.lists.set('/posts', rows(1));
	const Maybe = ({ enabled }: { enabled: boolean }): ReactNode => <p>{scores(useQuery({ ...liveQueryOptions<Row>(client, '/posts'), enabled }).data)}</p>;
	const page = render(<App><Maybe enabled={true} /></App>);
	await screen.findByText('scores 0');
	page.rerender(<App><Maybe enabled={false} /></App>);
	await waitFor(() => expect(server.followed.size).toBe(0));
	page.rerender(<App><Maybe enabled={true} /></App>);
	await waitFor(() => expect(server.followed.size).toBe(1));
	act(() => server.change(0, { score: 2 }, '/posts'));
	await screen.findByText('scores 2');
});

test('the types are those of rows and LiveError', () => {
	const options = liveQueryOptions<Row>(client, '/posts');
	const Typed = (): ReactNode => {
		const { data, error } = useQuery({ ...options, select: (all) => all.length });
		const length: number | undefined = data;
		const code: string | undefined = error?.code;
		const whole = useSuspenseQuery(options).data;
		const score: number | undefined = whole[0]?.score;
		// @ts-expect-error: rows have no such field
		void whole[0]?.title;
		// @ts-expect-error: what is shown is not for writing
		whole.push({ id: 1, score: 1 });
		return `${length}${code}${score}`;
	};
	expect(Typed).toBeTypeOf('function');
	const held = cache.getQueryData(options.queryKey);
	// @ts-expect-error: rows have no such field
	expect(held?.[0]?.title).toBe(undefined);
});
