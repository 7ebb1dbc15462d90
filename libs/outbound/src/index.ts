export { isPublicAddress } from './address.js';
export { get, shown, type Answer } from './get.js';
export { lookupFor, refusalOf, type Targets } from './targets.js';
