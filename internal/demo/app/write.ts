// Writing. No button changes anything on screen: what you see has come back as
// a diff.
import { createClient } from '@wakeful/client';

export const client = createClient();

let tell: (text: string) => void = () => {};

/** Who is told how a write went. */
export function onTrip(told: (text: string) => void): void {
	tell = told;
}

export async function send(method: string, url: string, fields: Record<string, string> = {}): Promise<void> {
	const began = performance.now();
	try {
		const answer = await client.fetch(url, { method, body: method === 'DELETE' ? null : new URLSearchParams(fields) });
		if (!answer.ok) throw new Error((await answer.text()).trim());
		if (!answer.headers.has('Wakeful-Position')) return;
		await client.caughtUp(answer);
		tell(`your change was on screen after ${(performance.now() - began).toFixed(0)} ms`);
	} catch (error) {
		tell(`not done: ${error instanceof Error ? error.message : String(error)}`);
	}
}
