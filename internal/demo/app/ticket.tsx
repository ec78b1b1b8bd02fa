import { memo, type CSSProperties, type ReactElement } from 'react';
import { useFlash } from './motion.js';
import { statuses, type Person, type Ticket } from './rows.js';
import { send } from './write.js';

/** One card. It is rendered again only if its ticket has changed. */
export const Card = memo(function Card({ ticket: t, people }: { ticket: Ticket; people: readonly Person[] }): ReactElement {
	const element = useFlash<HTMLLIElement>(t);
	const url = `/api/tickets/${t.id}`;
	const at = statuses.indexOf(t.status);
	const step = (by: number): void => void send('PATCH', url, { status: statuses[at + by]! });
	const move = (by: string): void => void send('POST', `${url}/move`, { by });
	return (
		<li className="ticket" ref={element} data-key={t.id} data-place={`ticket${t.id}`}>
			<p className="title">{t.title}</p>
			<div className="tools">
				<span className="avatar" aria-hidden="true" style={{ '--hue': t.assignee_id * 67 } as CSSProperties}>{t.assignee[0]}</span>
				<select className="who" aria-label="Assignee" value={t.assignee_id} onChange={(event) => void send('PATCH', url, { assignee: event.target.value })}>
					{people.map((person) => <option key={person.id} value={person.id}>{person.name}</option>)}
				</select>
				<button className="vote" type="button" aria-label="Vote" onClick={() => void send('POST', `${url}/vote`)}>
					<span aria-hidden="true">▲</span> <b>{t.votes}</b>
				</button>
				<span className="acts">
					<Act name="up" label="Move up" sign="↑" act={() => move('up')} />
					<Act name="down" label="Move down" sign="↓" act={() => move('down')} />
					<Act name="back" label="One column back" sign="←" act={() => step(-1)} disabled={at === 0} />
					<Act name="on" label="One column on" sign="→" act={() => step(1)} disabled={at === statuses.length - 1} />
					<Act name="delete" label="Delete" sign="✕" act={() => void send('DELETE', url)} />
				</span>
			</div>
		</li>
	);
});

function Act(props: { name: string; label: string; sign: string; act: () => void; disabled?: boolean }): ReactElement {
	return (
		<button data-act={props.name} type="button" aria-label={props.label} title={props.label} disabled={props.disabled} onClick={props.act}>
			{props.sign}
		</button>
	);
}

/** One line of a list at the side. */
export const Line = memo(function Line(props: { item: object; place: string; text: string; note?: string | number }): ReactElement {
	const element = useFlash<HTMLLIElement>(props.item);
	return (
		<li ref={element} data-place={props.place}>
			<span className="text">{props.text}</span>
			<span className="note">{props.note}</span>
		</li>
	);
});
