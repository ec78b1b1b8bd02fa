export { WakefulProvider, useClient, useConnection, useLive, useLiveSuspense } from './hooks.js';
