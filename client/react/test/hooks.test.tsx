// @vitest-environment jsdom
import { createClient, LiveError, typed, type Client } from '@wakeful/client';
import { act, cleanup, render, screen, waitFor } from '@testing-library/react';
import { Component, memo, StrictMode, Suspense, type ReactNode } from 'react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { useClient, useConnection, useLive, useLiveSuspense, WakefulProvider } from '../src/index.js';
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
	cleanup();
	client.close();
});

const rows = (n: number): Row[] => Array.from({ length: n }, (_, id) => ({ id, score: 0 }));

function App(props: { children: ReactNode }): ReactNode {
	return (
		<StrictMode>
			<WakefulProvider client={client}>{props.children}</WakefulProvider>
		</StrictMode>
	);
}

test('a list is shown and moves', async () => {
	server.lists.set('/posts', rows(2));
	const Posts = (): ReactNode => useLive<Row>('/posts').items.map((row) => <li key={row.id}>{`${row.id}:${row.score}`}</li>);
	render(<App><Posts /></App>);
	await screen.findByText('1:0');
	act(() => server.change(1, { score: 7 }, '/posts'));
	await screen.findByText('1:7');
	expect(screen.getByText('0:0')).toBeTruthy();
});

test('one change of 1,000 rows renders one row', async () => {
	server.lists.set('/posts', rows(1_000));
	let drawn = 0;
	const One = memo(function One({ row }: { row: Row }): ReactNode {
		drawn++;
		return <i>{row.score}</i>;
	});
	const Posts = (): ReactNode => useLive<Row>('/posts').items.map((row) => <One key={row.id} row={row} />);
	const page = render(<WakefulProvider client={client}><Posts /></WakefulProvider>);
	await waitFor(() => expect(drawn).toBe(1_000));
	server.change(500, { score: 9 }, '/posts');
	await waitFor(() => expect(page.container.textContent).toContain('9'));
	expect(drawn).toBe(1_001);
});

test('lists that change together are never rendered apart', async () => {
	server.lists.set('/a', rows(1));
	server.lists.set('/b', rows(1));
	const seen = new Set<string>();
	const Both = (): ReactNode => {
		const [a, b] = [useLive<Row>('/a'), useLive<Row>('/b')];
		if (a.items[0] && b.items[0]) seen.add(`${a.items[0].score}=${b.items[0].score}`);
		return <p>{a.items[0]?.score}</p>;
	};
	render(<App><Both /></App>);
	await screen.findByText('0');
	for (let n = 1; n <= 50; n++) {
		server.change(0, { score: n }, '/a', '/b');
		if (n % 7 == 0) await screen.findByText(String(n));
	}
	await screen.findByText('50');
	for (const pair of seen) expect(pair.split('=')[0]).toBe(pair.split('=')[1]);
	expect(seen.size).toBeGreaterThan(3);
});

test('a burst is rendered at most once a frame', async () => {
	server.lists.set('/posts', rows(1));
	let drawn = 0;
	let frames = 0;
	const count = (): void => {
		frames++;
		requestAnimationFrame(count);
	};
	requestAnimationFrame(count);
	const Posts = (): ReactNode => {
		drawn++;
		return <p>{useLive<Row>('/posts').items[0]?.score}</p>;
	};
	render(<WakefulProvider client={client}><Posts /></WakefulProvider>);
	await screen.findByText('0');
	const [drawnBefore, framesBefore] = [drawn, frames];
	for (let n = 1; n <= 500; n++) {
		server.change(0, { score: n }, '/posts');
		await Promise.resolve();
	}
	await screen.findByText('500');
	expect(drawn - drawnBefore).toBeLessThanOrEqual(frames - framesBefore + 2);
});

test('who leaves is no longer told, and another URL keeps nothing of the first', async () => {
	server.lists.set('/a', rows(1));
	server.lists.set('/b', rows(9).slice(8));
	const seen: string[] = [];
	const Posts = ({ url }: { url: string | null }): ReactNode => {
		const { items, status } = useLive<Row>(url);
		seen.push(`${url}:${items.map((row) => row.id)}`);
		return <p>{`${status} ${items.length}`}</p>;
	};
	const page = render(<App><Posts url="/a" /></App>);
	await screen.findByText('live 1');
	page.rerender(<App><Posts url="/b" /></App>);
	await waitFor(() => expect(seen).toContain('/b:8'));
	expect(seen).not.toContain('/b:0');
	await waitFor(() => expect([...server.followed.keys()]).toEqual(['/b']));
	page.rerender(<App><Posts url={null} /></App>);
	await screen.findByText('loading 0');
	await waitFor(() => expect(server.followed.size).toBe(0));
});

class Boundary extends Component<{ children: ReactNode }, { error?: Error }> {
	override state: { error?: Error } = {};
	static getDerivedStateFromError(error: Error): { error: Error } {
		return { error };
	}
	override render(): ReactNode {
		const { error } = this.state;
		return error instanceof LiveError ? <p>{`refused: ${error.code}`}</p> : this.props.children;
	}
}

test('suspense waits for the list, and a refusal goes to the boundary', async () => {
	server.lists.set('/posts', rows(3));
	const Posts = ({ url }: { url: string }): ReactNode => <p>{`${useLiveSuspense<Row>(url).items.length} rows`}</p>;
	const page = render(<App><Suspense fallback={<p>wait</p>}><Posts url="/posts" /></Suspense></App>);
	expect(screen.getByText('wait')).toBeTruthy();
	await screen.findByText('3 rows');
	page.unmount();
	vi.spyOn(console, 'error').mockImplementation(() => {});
	render(<App><Boundary><Suspense fallback={<p>wait</p>}><Posts url="/secret" /></Suspense></Boundary></App>);
	await screen.findByText('refused: forbidden');
});

test('the connection is a store too', async () => {
	server.lists.set('/posts', rows(1));
	const State = (): ReactNode => {
		useLive('/posts');
		return <p>{useConnection().kind}</p>;
	};
	render(<App><State /></App>);
	await screen.findByText('online');
});

test('without a provider it says what is missing', () => {
	vi.spyOn(console, 'error').mockImplementation(() => {});
	const Posts = (): ReactNode => useLive('/posts').items.length;
	expect(() => render(<Posts />)).toThrow(/WakefulProvider/);
});

test('strict mode, two components and coming back soon are one subscription', async () => {
	server.lists.set('/posts', rows(1));
	const Posts = (): ReactNode => <p>{useLive<Row>('/posts').items[0]?.score}</p>;
	const page = render(<App><Posts /><Posts /></App>);
	await waitFor(() => expect(screen.getAllByText('0')).toHaveLength(2));
	page.rerender(<App><i /></App>);
	page.rerender(<App><Posts /></App>);
	act(() => server.change(0, { score: 3 }, '/posts'));
	await screen.findByText('3');
	expect(server.subscriptions).toBe(1);
	expect([...server.followed.keys()]).toEqual(['/posts']);
	page.unmount();
	await waitFor(() => expect(server.followed.size).toBe(0));
});

interface Views {
	'/posts': { row: Row; filters: { author?: number } };
}

test('a typed list has its rows and its filters', async () => {
	server.lists.set('/posts?author=7', rows(3));
	const api = typed<Views>(client);
	const Posts = (): ReactNode => {
		const { items } = useLive(api.live('/posts', { author: 7 }));
		const score: number | undefined = items[0]?.score;
		// @ts-expect-error: rows have no such field
		void items[0]?.title;
		return <p>{`${items.length} rows of ${score}`}</p>;
	};
	render(<App><Posts /></App>);
	await screen.findByText('3 rows of 0');
});

test('what is wrong does not compile', () => {
	const Wrong = (): ReactNode => {
		const api = typed<Views>(useClient());
		// @ts-expect-error: not a filter of it
		useLive(api.live('/posts', { autor: 7 }));
		// @ts-expect-error: no list of the API
		useLive(api.live('/nothing'));
		// @ts-expect-error: nothing cannot be waited for
		useLiveSuspense(null);
		const state = useLive<Row>('/posts');
		// @ts-expect-error: what is shown is not for writing
		state.items.push({ id: 1, score: 1 });
		// @ts-expect-error: no such status
		if (state.status == 'closed') return null;
		const unknown: unknown = useLive('/posts').items[0]?.['anything'];
		return String(unknown);
	};
	expect(Wrong).toBeTypeOf('function');
});
