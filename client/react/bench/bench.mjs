// What live lists cost a page in Chromium: which rows one change of 10,000 renders,
// and what 1,000 changes in a second take of the main thread, beside the same page
// with its socket silent. Ends with 1 where a bar is missed.
import { build } from 'esbuild';
import { createRequire } from 'node:module';
import { Server } from './server.mjs';

const { chromium } = createRequire(new URL('../../../e2e/browser/', import.meta.url))('playwright-core');
const seconds = process.argv.includes('-quick') ? 3 : 15;
const RATE = 1_000; // changes in a second
const SHOWN = 100; // rows of the page that is changed so often
const MOST = 10_000;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const core = new URL('../../core/src/index.ts', import.meta.url).pathname;
const { outputFiles } = await build({
	entryPoints: [new URL('page.tsx', import.meta.url).pathname],
	bundle: true, minify: true, write: false, format: 'esm', jsx: 'automatic', target: 'es2022',
	define: { 'process.env.NODE_ENV': '"production"' }, alias: { '@wakeful/client': core },
});
const server = await Server.start(outputFiles[0].text);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] });
let missed = false;

function line(name, figure, floor, unit, how, met) {
	missed ||= !met;
	const show = (v) => v.toFixed(2).padStart(8);
	console.log(`${met ? 'ok    ' : 'MISSED'}  ${name.padEnd(62)} ${show(figure)} ${unit.padEnd(2)}  floor ${show(floor)} ${unit.padEnd(2)}  ${how}`);
}

async function open(rows) {
	const page = await browser.newPage();
	page.on('pageerror', (error) => {
		throw error;
	});
	await page.goto(`${server.url}?rows=${rows}`);
	await page.waitForFunction((n) => seen.ready == n, rows);
	await sleep(1_000); // what loading has left to do
	return page;
}

const seen = (page) => page.evaluate(() => ({ ...seen }));

/** What a page does while something is done to it for some seconds. */
async function watch(page, act) {
	const cdp = await page.context().newCDPSession(page);
	await cdp.send('Performance.enable', { timeDomain: 'threadTicks' }); // CPU, not what the machine does meanwhile
	const metrics = async () => Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]));
	const [before, was] = [await seen(page), await metrics()];
	const began = performance.now();
	const done = await act();
	const wall = (performance.now() - began) / 1_000;
	const [after, is] = [await seen(page), await metrics()];
	return {
		done,
		cpu: (100 * (is.TaskDuration - was.TaskDuration)) / wall,
		...Object.fromEntries(['lists', 'rows', 'frames', 'long'].map((name) => [name, after[name] - before[name]])),
	};
}

/** Changes as many as are due each time it is woken; resolves when the page shows the last. */
async function hurry(page) {
	const began = performance.now();
	let sent = 0;
	let last = 0;
	while (performance.now() - began < seconds * 1_000) {
		await sleep(4);
		for (const due = ((performance.now() - began) * RATE) / 1_000; sent < due; sent++) last = server.change();
	}
	await page.waitForFunction((n) => seen.votes == n, last);
	return sent;
}

try {
	const long = await open(MOST);
	const rows = [];
	for (let n = 0; n < 10; n++) {
		const one = await watch(long, async () => {
			const votes = server.change();
			await long.waitForFunction((v) => seen.votes == v, votes);
		});
		rows.push(one.rows);
	}
	await long.close();
	const worst = Math.max(...rows);
	line(`@wakeful/react: rows rendered for one change of ${MOST}`, worst, 1, '', '(= 1)', rows.every((n) => n == 1));

	const page = await open(SHOWN);
	const silent = await watch(page, () => sleep(seconds * 1_000));
	const busy = await watch(page, () => hurry(page));
	await page.close();
	const name = (what) => `@wakeful/react: ${what}, ${RATE} changes/s, ${SHOWN} rows shown`;
	line(name('long tasks'), busy.long, silent.long, '', `(≤ ${silent.long})`, busy.long <= silent.long);
	line(name('main thread'), busy.cpu, silent.cpu, '%', `${(busy.cpu / silent.cpu).toFixed(1)} × (≤ 30 %)`, busy.cpu <= 30);
	// The first change of a frame is shown before it, so that one more than there are frames may be.
	line(name('renders in a frame'), busy.lists / busy.frames, 1, '', `${busy.lists} in ${busy.frames} frames, ${busy.done} changes (≤ 1)`, busy.lists <= busy.frames + 1 && busy.lists > 0);
} finally {
	await browser.close();
	server.stop();
}
process.exit(missed ? 1 : 0);
