import { createClient } from './wakeful.js';

const client = createClient({ base: location.href, socketPath: new URL('ws/', location.href).pathname });
for (const name of ['server', 'observers', 'connections']) {
	const list = client.live(new URL(`api/${name}`, location.href));
	const show = () => {
		const state = list.get();
		document.getElementById(name).textContent = JSON.stringify(state.items, null, 2);
		document.getElementById('state').textContent = state.error ? state.error.message : state.status;
	};
	list.subscribe(show);
	show();
}
