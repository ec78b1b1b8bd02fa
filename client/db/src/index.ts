export { wakefulCollectionOptions, type WakefulCollectionConfig, type WakefulUtils, type Written } from './options.js';
