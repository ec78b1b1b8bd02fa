// The board in React: each list is one useLive. All lists that changed together
// are rendered together, and only the cards whose tickets changed.
import { WakefulProvider, useConnection, useLive } from '@wakeful/react';
import type { State } from '@wakeful/client';
import { StrictMode, useEffect, useState, type FormEvent, type ReactElement } from 'react';
import { createRoot } from 'react-dom/client';
import { Glide } from './motion.js';
import { statuses, type Count, type Entry, type Person, type Project, type Status, type Ticket, type Writer } from './rows.js';
import { Card, Line } from './ticket.js';
import { client, onTrip, send } from './write.js';

const names: Record<Status, string> = { todo: 'To do', doing: 'Doing', done: 'Done' };

type Choice = { project: string; person: string };

function useChoice(): [Choice, (choice: Partial<Choice>) => void] {
	const [choice, set] = useState<Choice>(() => ({ project: '1', person: '1', ...(JSON.parse(sessionStorage.choice ?? '{}') as Partial<Choice>) }));
	useEffect(() => {
		sessionStorage.choice = JSON.stringify(choice);
	}, [choice]);
	return [choice, (next) => set((before) => ({ ...before, ...next }))];
}

/** The lists that are followed, by what they are for. */
export type Followed = Record<string, { url: string; state: State<unknown> }>;

function Board(): ReactElement {
	const [{ project, person }, choose] = useChoice();
	const followed: Followed = {};
	const follow = <T,>(name: string, url: string): readonly T[] => {
		const state = useLive<T>(url);
		followed[name] = { url, state };
		return state.items;
	};
	const column = (status: Status): readonly Ticket[] => follow<Ticket>(status, `/api/tickets?project=${project}&status=${status}`);
	const columns = { todo: column('todo'), doing: column('doing'), done: column('done') };
	const counts = follow<Count>('counts', `/api/counts?project=${project}`);
	const mine = follow<Ticket>('mine', `/api/tickets?assignee=${person}&status=open`);
	const people = follow<Person>('people', '/api/people');
	const projects = follow<Project>('projects', '/api/projects');
	const top = follow<Ticket>('top', '/api/top');
	const activity = follow<Entry>('activity', '/api/activity');
	const [writer] = follow<Writer>('writer', '/api/writer');
	useEffect(() => {
		Object.assign(window, { board: { client, followed } }); // for the console, and for the tests
	});
	return (
		<Glide>
			<Header followed={followed} />
			<nav aria-label="Board">
				<div id="projects" className="tabs" role="group" aria-label="Project">
					{projects.map((p) => (
						<button key={p.id} type="button" data-key={p.id} data-place={`project${p.id}`} aria-pressed={String(p.id) === project} onClick={() => choose({ project: String(p.id) })}>
							<span className="name">{p.name}</span> <span className="count">{p.open}</span>
						</button>
					))}
				</div>
				<div className="controls">
					<label>You are <select id="me" value={person} onChange={(event) => choose({ person: event.target.value })}>{people.map((p) => <option key={p.id} value={p.id}>{p.name}</option>)}</select></label>
					{writer && <Pace writer={writer} />}
				</div>
			</nav>
			<main>
				<section id="board" aria-label="Tickets">
					{statuses.map((status) => (
						<div key={status} className="column" data-status={status}>
							<h2>{names[status]} <span className="count">{counts.find((c) => c.status === status)?.tickets}</span></h2>
							{status === 'todo' && <Add project={project} person={person} />}
							<ul className={columns[status].length ? 'cards' : 'cards empty'}>
								{columns[status].map((t) => <Card key={t.id} ticket={t} people={people} />)}
							</ul>
						</div>
					))}
				</section>
				<aside>
					<section>
						<h2>Most votes <small>of all projects</small></h2>
						<ol className={top.length ? 'rows' : 'rows empty'}>{top.map((t) => <Line key={t.id} item={t} place={`top${t.id}`} text={t.title} note={t.votes} />)}</ol>
					</section>
					<section>
						<h2>Yours <small id="mineCount">{mine.length ? `${mine.length} open` : 'nothing open'}</small></h2>
						<ul className={mine.length ? 'rows' : 'rows empty'}>{mine.map((t) => <Line key={t.id} item={t} place={`mine${t.id}`} text={t.title} note={t.project} />)}</ul>
					</section>
					<section>
						<h2>Lately</h2>
						<ul className={activity.length ? 'rows quiet' : 'rows quiet empty'}>{activity.map((e) => <Line key={e.id} item={e} place={`activity${e.id}`} text={e.what} />)}</ul>
					</section>
				</aside>
			</main>
			<Footer followed={followed} />
		</Glide>
	);
}

function Header({ followed }: { followed: Followed }): ReactElement {
	const { kind } = useConnection();
	const known = Object.values(followed).every(({ state }) => state.status === 'live' || state.status === 'error');
	const [state] = useState({ ever: false });
	const live = kind === 'online' && known;
	state.ever ||= live;
	const word = live ? 'live' : kind === 'closed' ? 'ended' : kind === 'stale' ? 'stale' : state.ever && kind !== 'online' ? 'reconnecting' : 'connecting';
	return (
		<header>
			<h1><span className="dot" aria-hidden="true"></span>Issue board</h1>
			<p id="state" className="pill" role="status" data-state={word}>{word}</p>
			<p className="lead">
				Every list here is an ordinary GET, kept live by Wakeful. <a href="/" target="_blank" rel="noopener">Open a second window</a> and change
				something. The same without React and without a build: <a href="/plain.html">plain.html</a>.
			</p>
		</header>
	);
}

function Add({ project, person }: { project: string; person: string }): ReactElement {
	const submit = (event: FormEvent<HTMLFormElement>): void => {
		event.preventDefault();
		const title = String(new FormData(event.currentTarget).get('title'));
		void send('POST', '/api/tickets', { title, project, assignee: person });
		event.currentTarget.reset();
	};
	return (
		<form id="add" autoComplete="off" onSubmit={submit}>
			<input name="title" maxLength={120} placeholder="A new ticket" aria-label="Title of a new ticket" required />
			<button type="submit">Add</button>
		</form>
	);
}

function Pace({ writer }: { writer: Writer }): ReactElement {
	const [drawn, draw] = useState<number>(); // where the slider is being held
	const release = async (): Promise<void> => {
		if (drawn === undefined) return;
		await send('PATCH', '/api/writer', { per_second: Math.min(20, Math.max(0.5, 2 ** drawn)).toFixed(2) });
		draw(undefined);
	};
	return (
		<>
			<button id="pause" type="button" onClick={() => void send('PATCH', '/api/writer', { running: String(!writer.running) })}>
				{writer.running ? 'Pause the writer' : 'Resume the writer'}
			</button>
			<label className="speed">
				Pace{' '}
				<input
					id="pace" type="range" min="-1" max="4.3" step="0.1" aria-label="Changes per second"
					value={drawn ?? Math.log2(writer.per_second)} onChange={(event) => draw(Number(event.target.value))}
					onPointerUp={release} onKeyUp={release} onBlur={release}
				/>{' '}
				<output id="paceText">{Number(writer.per_second.toPrecision(2))}/s</output>
			</label>
		</>
	);
}

function Footer({ followed }: { followed: Followed }): ReactElement {
	const [trip, told] = useState('');
	useEffect(() => onTrip(told), []);
	const connection = useConnection();
	const all = Object.values(followed);
	const failed = all.find(({ state }) => state.error && state.status === 'error');
	const newest = all.map(({ state }) => state.position).reduce((a, b) => (a > b ? a : b));
	const way = connection.kind === 'online' ? { websocket: 'one WebSocket', events: 'one event stream' }[connection.transport] : 'no connection';
	return (
		<footer>
			<p id="wrong" role="alert">{failed && `${failed.url}: ${failed.state.error?.message}`}</p>
			<p id="where">{newest && `Commit ${parseInt(newest.slice(8), 16).toLocaleString('en')} · `}{all.length} lists over {way}</p>
			<p id="trip">{trip}</p>
		</footer>
	);
}

createRoot(document.getElementById('root')!).render(
	<StrictMode>
		<WakefulProvider client={client}><Board /></WakefulProvider>
	</StrictMode>,
);
