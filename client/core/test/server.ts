// `wakeful serve` on a fresh SQLite database, built from this repository.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The program: WAKEFUL_BINARY, else built here; undefined where there is no Go. */
export function build(): string | undefined {
	const given = process.env['WAKEFUL_BINARY'];
	if (given) return given;
	const binary = join(root, '.cache', 'wakeful');
	const built = spawnSync('go', ['build', '-o', binary, './cmd/wakeful'], { cwd: root, stdio: 'inherit' });
	if (built.error) return undefined;
	if (built.status != 0) throw new Error('go build failed');
	return binary;
}

async function freePort(): Promise<number> {
	return new Promise((resolve) => {
		const server = createServer().listen(0, '127.0.0.1', () => {
			const { port } = server.address() as { port: number };
			server.close(() => resolve(port));
		});
	});
}

export class Served {
	#process: ChildProcess | undefined;
	readonly #folder = mkdtempSync(join(tmpdir(), 'wakeful-client-'));
	port = 0;
	said = '';

	constructor(readonly binary: string) {}

	get base(): string {
		return `http://127.0.0.1:${this.port}`;
	}

	/** Starts it, again at the same address where it was stopped. */
	async start(...flags: string[]): Promise<void> {
		const file = join(this.#folder, 'app.db');
		if (!existsSync(file)) {
			// The program opens only what is there; an empty file is an empty database.
			const made = spawnSync('python3', ['-c', `import sqlite3; sqlite3.connect(${JSON.stringify(file)}).executescript("create table posts(id integer primary key, title text not null, score integer not null default 0); create table people(id text primary key, name text)")`]);
			if (made.status != 0) throw new Error(`no python3 to make a database with: ${made.stderr}`);
		}
		this.port ||= await freePort();
		this.#process = spawn(this.binary, ['serve', '--db', file, '--listen', `127.0.0.1:${this.port}`, '--operator', 'off', ...flags]);
		for (const stream of [this.#process.stdout!, this.#process.stderr!]) stream.on('data', (text: Buffer) => (this.said += text.toString()));
		for (let tries = 0; ; tries++) {
			try {
				if ((await fetch(`${this.base}/api/`)).ok) return;
			} catch (error) {
				if (tries > 300 || this.#process.exitCode !== null) throw new Error(`it did not start: ${this.said}`, { cause: error });
			}
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
	}

	async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
		const child = this.#process;
		if (!child || child.exitCode !== null) return;
		const over = new Promise((resolve) => child.once('exit', resolve));
		child.kill(signal);
		await over;
	}

	async end(): Promise<void> {
		await this.stop();
		rmSync(this.#folder, { recursive: true, force: true });
	}
}
