// wakeful serve as a process, over a database made for a test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export class Serve {
  constructor(binary, args, env = {}) {
    this.binary = binary;
    this.args = args;
    this.env = env;
    this.errors = '';
    process.on('exit', () => this.process?.kill('SIGKILL')); // never outlives the test
  }

  // start resolves when the server answers.
  async start() {
    this.process = spawn(this.binary, ['serve', '--listen', '127.0.0.1:0', '--operator', 'off', '--drain', '10ms', ...this.args], { env: { ...process.env, ...this.env } });
    this.ended = once(this.process, 'exit');
    this.url = await new Promise((found, failed) => {
      const listen = (text) => {
        this.errors += text;
        const url = /http:\/\/127\.0\.0\.1:\d+/.exec(this.errors);
        if (url) found(url[0]);
      };
      this.process.stdout.on('data', listen);
      this.process.stderr.on('data', listen);
      this.process.on('exit', (code) => failed(new Error(`the server ended with ${code}: ${this.errors}`)));
    });
  }

  async stop() {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill('SIGINT');
    await this.ended;
  }

  async send(method, path, body, headers = {}) {
    const answer = await fetch(this.url + path, { method, headers: { 'Content-Type': 'application/json', ...headers }, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? undefined : answer.json();
  }
}
