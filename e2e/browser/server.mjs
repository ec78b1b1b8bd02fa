// The demo as a process that can be ended and started again on its port.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export class Server {
  constructor(binary, db) {
    this.binary = binary;
    this.db = db;
    this.listen = '127.0.0.1:0';
    this.errors = '';
    process.on('exit', () => this.process?.kill('SIGKILL')); // never outlives the test
  }

  // start resolves when the server has printed its URL.
  async start() {
    this.process = spawn(this.binary, ['demo', '--still', '--db', this.db, '--listen', this.listen]);
    this.process.stderr.on('data', (text) => (this.errors += text));
    this.ended = once(this.process, 'exit');
    this.url = await new Promise((found, failed) => {
      let said = '';
      this.process.stdout.on('data', (text) => {
        said += text;
        const url = /http:\/\/\S+/.exec(said);
        if (url) found(url[0]);
      });
      this.process.on('exit', (code) => failed(new Error(`the demo ended with ${code}: ${said}${this.errors}`)));
    });
    this.listen = new URL(this.url).host;
  }

  // stop sends a signal and returns the exit code, null after SIGKILL.
  async stop(signal = 'SIGINT') {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode;
    this.process.kill(signal);
    const [code] = await this.ended;
    return code;
  }

  async get(path) {
    const answer = await fetch(this.url + path);
    if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  async send(method, path, fields) {
    const answer = await fetch(this.url + path, { method, body: new URLSearchParams(fields) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }
}
