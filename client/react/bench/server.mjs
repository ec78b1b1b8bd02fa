// Serves the page, and one list over version 2 of the protocol, as fast as it is told to.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const position = (n) => `BENCH000${String(n).padStart(16, '0')}`;

export class Server {
	#socket;
	#seq = 0;
	#rows = 0;

	static async start(script) {
		const server = new Server();
		server.http = createServer((request, response) => {
			const page = request.url.endsWith('.js');
			response.setHeader('content-type', page ? 'text/javascript' : 'text/html');
			response.end(page ? script : '<!doctype html><body></body><script type="module" src="/page.js"></script>');
		});
		new WebSocketServer({ server: server.http, handleProtocols: (offered) => [...offered][0] }).on('connection', (socket) => server.#greet(socket));
		await new Promise((resolve) => server.http.listen(0, '127.0.0.1', resolve));
		server.url = `http://127.0.0.1:${server.http.address().port}/`;
		return server;
	}

	#greet(socket) {
		this.#socket = socket;
		this.#seq = 0;
		this.#say({ type: 'hello', session: 's', heartbeat_ms: 25_000, limits: {} });
		socket.on('message', (text) => {
			const { type, id, url } = JSON.parse(text);
			if (type == 'ping') this.#say({ type: 'pong' });
			if (type != 'subscribe') return;
			this.#rows = Number(new URL(url, 'http://a').searchParams.get('rows'));
			const items = Array.from({ length: this.#rows }, (_, i) => ({ id: i, title: `Ticket ${i}`, votes: 0 }));
			this.#say({ type: 'subscribed', id, observer: 'o', epoch: 'e', seq: 0, primary_key: 'id' });
			this.#say({ type: 'snapshot', observer: 'o', epoch: 'e', seq: 0, position: position(0), primary_key: 'id', items, reason: 'subscribe' });
			this.#progress();
		});
	}

	#say(frame) {
		this.#socket.send(JSON.stringify(frame));
	}

	#progress() {
		this.#say({ type: 'progress', position: position(this.#seq), whole: true });
	}

	/** One commit of one row; votes is its number. */
	change() {
		const seq = ++this.#seq;
		this.#say({ type: 'changes', observer: 'o', epoch: 'e', seq, position: position(seq), ops: [{ op: 'changed', key: String((seq * 7919) % this.#rows), set: { votes: seq } }] });
		this.#progress();
		return seq;
	}

	stop() {
		this.#socket?.terminate();
		this.http.close();
	}
}
