// What pages without a build get, as one script.
export { createClient } from './client.js';
export { LiveError } from './api.js';
