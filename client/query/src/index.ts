export { livePageOptions, liveQueryOptions, type LivePage, type LiveQueryKey, type LiveQueryOptions } from './options.js';
