// The page that is measured: a list, each row a component, and counts of what was rendered.
import { createClient } from '@wakeful/client';
import { memo, useLayoutEffect, type ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import { useLive, WakefulProvider } from '../src/index.js';

interface Ticket {
	id: number;
	title: string;
	votes: number;
}

const seen = { lists: 0, rows: 0, frames: 0, votes: 0, ready: 0, long: 0 };
Object.assign(globalThis, { seen });

const Row = memo(function Row({ ticket }: { ticket: Ticket }): ReactNode {
	seen.rows++;
	return <li>{`${ticket.title}: ${ticket.votes}`}</li>;
});

function Tickets(): ReactNode {
	const { items } = useLive<Ticket>(`/tickets${location.search}`);
	useLayoutEffect(() => {
		seen.lists++;
		seen.ready = items.length;
		seen.votes = Math.max(0, ...items.map((ticket) => ticket.votes));
	});
	return <ul>{items.map((ticket) => <Row key={ticket.id} ticket={ticket} />)}</ul>;
}

const count = (): void => {
	seen.frames++;
	requestAnimationFrame(count);
};
requestAnimationFrame(count);
new PerformanceObserver((list) => (seen.long += list.getEntries().length)).observe({ type: 'longtask' });

createRoot(document.body).render(<WakefulProvider client={createClient({ transport: 'websocket' })}><Tickets /></WakefulProvider>);
