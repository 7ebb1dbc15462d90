export { isPublicAddress } from './address.js';
export { get, shown, type Answer } from './get.js';
export { missingOffline, missingTogether, publishingOffline, targetsOffline } from './offline.js';
export { lookupFor, refusalOf, type Targets } from './targets.js';
