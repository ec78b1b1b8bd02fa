// A server of a few lists that speaks version 2 over a socket in memory.

type Row = object & { id: number };

export class Server {
	lists = new Map<string, Row[]>();
	position = 0;
	/** What is followed, by path. */
	followed = new Map<string, string>();
	/** How often something was asked to be followed. */
	subscriptions = 0;
	#seq = new Map<string, number>();
	#socket: Socket | undefined;

	readonly WebSocket = socketOf(this) as unknown as new (url: string) => WebSocket;

	/** The position now, or so many commits from now. */
	at(later = 0): string {
		return 'history0' + String(this.position + later).padStart(16, '0');
	}

	attach(socket: Socket): void {
		this.#socket = socket;
		this.send({ type: 'hello', session: 's', heartbeat_ms: 60_000, limits: {} });
	}

	send(frame: object): void {
		const text = JSON.stringify(frame);
		queueMicrotask(() => this.#socket?.onmessage?.({ data: text } as MessageEvent));
	}

	take(message: { type: string; id?: string; url: string; observer: string }): void {
		if (message.type == 'subscribe') {
			this.subscriptions++;
			const items = this.lists.get(message.url);
			if (!items) {
				this.send({ type: 'error', id: message.id, code: 'forbidden', detail: 'not for you' });
				return;
			}
			const observer = 'o' + message.url;
			this.followed.set(message.url, observer);
			this.#seq.set(observer, 0);
			this.send({ type: 'subscribed', id: message.id, observer, epoch: 'e', seq: 0, primary_key: 'id' });
			this.send({ type: 'snapshot', observer, epoch: 'e', seq: 0, position: this.at(), primary_key: 'id', items, reason: 'subscribe' });
			this.progress();
		}
		if (message.type == 'unsubscribe') {
			for (const [url, observer] of this.followed) if (observer == message.observer) this.followed.delete(url);
		}
	}

	/** Changes one row of each of some lists, in one commit. */
	change(key: number, set: object, ...urls: string[]): void {
		this.position++;
		for (const url of urls) {
			this.lists.set(url, this.lists.get(url)!.map((row) => (row.id == key ? { ...row, ...set } : row)));
			this.#changes(url, [{ op: 'changed', key: String(key), set }]);
		}
		this.progress();
	}

	/** Tells of one commit by these ops. What is held for who subscribes later is as before. */
	ops(url: string, ...ops: object[]): void {
		this.position++;
		this.#changes(url, ops);
		this.progress();
	}

	#changes(url: string, ops: object[]): void {
		const observer = 'o' + url;
		const seq = this.#seq.get(observer)! + 1;
		this.#seq.set(observer, seq);
		this.send({ type: 'changes', observer, epoch: 'e', seq, position: this.at(), ops });
	}

	progress(): void {
		this.send({ type: 'progress', position: this.at(), whole: true });
	}
}

interface Socket {
	onmessage: ((event: MessageEvent) => void) | null;
}

function socketOf(server: Server): unknown {
	return class extends EventTarget implements Socket {
		onopen: (() => void) | null = null;
		onmessage: ((event: MessageEvent) => void) | null = null;
		onclose: (() => void) | null = null;
		readyState = 0;
		protocol = 'wakeful.v2+json';
		bufferedAmount = 0;

		constructor() {
			super();
			queueMicrotask(() => {
				this.readyState = 1;
				this.onopen?.();
				server.attach(this);
			});
		}

		send(text: string): void {
			server.take(JSON.parse(text));
		}

		close(): void {
			this.readyState = 3;
		}
	};
}
